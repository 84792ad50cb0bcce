"""What the trainings of each loss of a comparison are asked for: ways to make objects that fit the loss."""

from typing import Any

from search_service.comparisons.request import ComparisonRequest
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.needs import EMBEDDINGS
from workers.tasks.instances import EMBEDDED
from workers.tasks.objects import OF_CENTRES, ObjectOptions


def options_for(request: ComparisonRequest, name: str, loss: Document) -> dict[str, Any]:
    """The fields of :class:`ObjectOptions` for the trainings of one loss.

    Embeddings are clustered where the loss trains them; other losses leave those ways out, and the first
    of the others is theirs.

    Args:
        request: The comparison.
        name: What the loss is called there.
        loss: Its file's content.

    Raises:
        InputError: Every way groups embeddings, and the loss trains none.
    """
    asked = {field: getattr(request, field) for field in ObjectOptions.model_fields}
    if not request.ways or EMBEDDINGS in needs_of(loss).inputs:
        return asked
    left = {way: each for way, each in request.ways.items() if each.method not in EMBEDDED}
    if not left:
        raise InputError(
            f"{name} trains no embeddings, and every clustering groups them: add one that does without, "
            'such as clusterings {"watershed": {"method": "watershed"}}, or leave the loss out.'
        )
    first, clustering = next(iter(left.items()))
    return asked | {
        "scoring": request.scoring.model_copy(update={"clustering": clustering}),
        "clustering_name": first,
        "clusterings": {way: each for way, each in left.items() if way != first},
        "oracles": tuple(oracle for oracle in request.oracles if oracle not in OF_CENTRES),
    }
