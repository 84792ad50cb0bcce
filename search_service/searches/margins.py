"""What a request for a search of margins leaves open, and what it must say; needs pydantic alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from search_service.searches.space_specs import MarginsSpec
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.sums import term_names
from workers.tasks.instances import EMBEDDED, RADII, ClusteringSpec

NAME = "margins"


def with_margins(body: object) -> object:
    """Fill in what follows from the space margins: clustering, widths and radius.

    Objects are found by mean-shift unless the body says otherwise. A width that the network is given is
    the only one; otherwise the network that the request names has the widest. A radius that the
    clustering is given holds for every candidate.
    """
    if not isinstance(body, dict) or not _is_margins(body.get("space")):
        return body
    parts = [_given(body.get(name)) for name in ("space", "network", "scoring")]
    if None in parts:
        return body  # which pydantic refuses
    space, network, scoring = (part or {} for part in parts)
    clustering = scoring.get("clustering")
    width = network.get("embedding")
    if width is not None:
        space.setdefault("widths", [width])
    space.setdefault("radius", _fixed_radius(clustering))
    widest = MarginsSpec.model_fields["widths"].default[-1]
    if isinstance(widths := space.get("widths"), list | tuple) and widths:
        widest = widths[-1]
    network["embedding"] = widest if width is None else width
    scoring["clustering"] = clustering or {"method": "mean-shift"}
    return body | {"space": space, "network": network, "scoring": scoring}


def check_margins(
    space: MarginsSpec,
    objectives: Iterable[str],
    clustering: ClusteringSpec | None,
    embedding: int | None,
) -> None:
    """Refuse a search of margins that could not score objects of embeddings.

    Raises:
        ValueError: A metric scores no objects, they are found without embeddings, or the network is
            given a width that is not searched; tells what to set.
    """
    for objective in objectives:
        if not any(name in INSTANCE_SCORES for name in term_names(objective)):
            raise ValueError(
                f"the space margins is searched for objects, and {objective} scores none: set metric "
                "to sbd or ap50, or to a sum with one of them"
            )
    if clustering is None or clustering.method not in EMBEDDED:
        raise ValueError(
            "the space margins needs objects that are made of embeddings: set "
            f"scoring.clustering.method to {' or '.join(sorted(EMBEDDED))}"
        )
    if embedding not in space.widths:
        raise ValueError(
            f"space.widths {list(space.widths)} leave out network.embedding {embedding}: give one of "
            "them alone"
        )


def _is_margins(space: object) -> bool:
    name = space.get("name") if isinstance(space, Mapping) else getattr(space, "name", "")
    return name == NAME


def _given(value: object) -> dict[str, Any] | None:
    """What an object of a request says, as a dictionary of its own; None of what is no object."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in value.model_fields_set}
    return {} if value is None else dict(value) if isinstance(value, Mapping) else None


def _fixed_radius(clustering: object) -> object:
    """The radius that a request gives; a spec that has been made has one in any case."""
    if isinstance(clustering, ClusteringSpec):
        own = clustering.radius
        return None if own == RADII.get(clustering.method) else own
    return clustering.get("radius") if isinstance(clustering, Mapping) else None
