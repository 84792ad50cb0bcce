"""What the authors' presets leave to the dataset: how much is held out, and whether class 0 counts. No torch.

Li et al. hold out 1,500 of the 10,582 training images of PASCAL VOC and 500 of the 2,975 of Cityscapes,
and leave VOC's background out of the boundary metrics.
"""

from typing import Any, Final

from search_service.searches.request import SearchRequest
from search_service.store.tables import Dataset
from workers.tasks.hold_out import HoldOut

VOC_IMAGES: Final = 1500
CITYSCAPES_IMAGES: Final = 500

SHARE: Final = 1 / 6
"""Of other datasets: between the papers' shares, 14% and 17%."""

LEAST_IMAGES: Final = 50
"""Fewer tell little: the standard error of a mean over n images falls with the root of n."""

MOST: Final = 1 / 3
"""Share that is never exceeded for the sake of :data:`LEAST_IMAGES`: proxies must be trained too."""


def resolved(request: SearchRequest, dataset: Dataset) -> SearchRequest:
    """Fill in what a request with one of the authors' presets leaves open; others stay as they are."""
    if not request.follows_a_paper:
        return request
    changes: dict[str, Any] = {}
    if request.hold_out.leaves_open_how_much:
        changes["hold_out"] = HoldOut(images=_images(dataset), groups=request.hold_out.groups)
    if "exclude_background" not in request.scoring.model_fields_set:
        voc = dataset.source["layout"] in ("voc", "voc-sbd")
        changes["scoring"] = request.scoring.model_copy(update={"exclude_background": voc})
    return request.model_copy(update=changes)


def _images(dataset: Dataset) -> int:
    """How many training images are held out."""
    source, images = dataset.source, int(dataset.report["images"]["train"])
    if source["layout"] == "cityscapes":
        return CITYSCAPES_IMAGES
    if source["layout"] == "voc-sbd" or (source["layout"], source.get("train")) == (
        "voc",
        "trainaug",
    ):
        return VOC_IMAGES
    return max(1, min(max(round(SHARE * images), LEAST_IMAGES), int(MOST * images)))
