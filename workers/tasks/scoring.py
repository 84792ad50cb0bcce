"""How predictions are made of a network and scored, as frozen values."""

from typing import Annotated, Literal

from pydantic import Field

from workers.tasks.base import Side, Spec


class ScoringSpec(Spec):
    """How predictions are scored (see ``surrogate_zoo.SegmentationEvaluator``).

    Attributes:
        tolerance: Boundary tolerance in pixels of the boundary metrics.
        exclude_background: Leave class 0 out of boundaries (PASCAL VOC).
    """

    tolerance: Annotated[int, Field(ge=0, le=64)] = 5
    exclude_background: bool = False


class InferenceSpec(Spec):
    """How predictions are made of a network's logits: on whole images, once, unless changed.

    Attributes:
        window: (height, width) in pixels of a window that slides over the image; where windows
            overlap, their logits are averaged. None predicts whole images.
        overlap: Share of the window that neighbours have in common, at least.
        scales: The image is predicted at each of these scales, and the probabilities averaged.
        flip: Predict the mirrored image too, and average the probabilities.
        decoding: How probabilities become labels: ``argmax``, the likeliest class of every pixel; or
            ``rankseg``, the labels of an image that maximise its expected mean IoU, all pixels
            together (RankSEG-RMA, Wang and Dai, NeurIPS 2025).
    """

    window: tuple[Side, Side] | None = None
    overlap: Annotated[float, Field(ge=0, lt=1)] = 1 / 3
    scales: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=4)], ...], Field(min_length=1, max_length=16)
    ] = (1.0,)
    flip: bool = False
    decoding: Literal["argmax", "rankseg"] = "argmax"
