"""How predictions are made of a network and scored, as frozen values."""

from typing import Annotated, Any, Literal

from pydantic import Field

from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.sums import term_names
from workers.tasks.base import Side, Spec
from workers.tasks.instances import EMBEDDED, ClusteringSpec
from workers.tasks.networks import NetworkSpec


class ScoringSpec(Spec):
    """How predictions are scored (see ``surrogate_zoo.SegmentationEvaluator``).

    Attributes:
        tolerance: Boundary tolerance in pixels of the boundary metrics.
        exclude_background: Leave class 0 out of boundaries (PASCAL VOC).
        clustering: How predicted pixels become objects, which are scored beside the labels (see
            ``surrogate_zoo.InstanceEvaluator``); None scores no objects. The dataset must tell its
            objects apart.
    """

    tolerance: Annotated[int, Field(ge=0, le=64)] = 5
    exclude_background: bool = False
    clustering: ClusteringSpec | None = None

    @property
    def of_labels(self) -> dict[str, Any]:
        """The options of metrics of labels, by the names that evaluators and losses give them."""
        return self.model_dump(exclude={"clustering"})


def names_objects(metric: str) -> tuple[str, ...]:
    """The scores of objects that a metric names, or a weighted sum of several."""
    return tuple(name for name in term_names(metric) if name in INSTANCE_SCORES)


def check_objects_are_scored(metric: str, scoring: ScoringSpec) -> None:
    """Refuse a metric of objects where none are scored; names of no metric are left to others.

    Args:
        metric: A metric's name, or a weighted sum of several.
        scoring: How predictions are scored.

    Raises:
        ValueError: It names a score of objects, and there is no clustering.
    """
    named = names_objects(metric)
    if named and scoring.clustering is None:
        raise ValueError(
            f"{named[0]} scores objects, and none are made: set scoring.clustering, to "
            '{"method": "watershed"} say'
        )


def check_embeddings_are_given(clustering: ClusteringSpec | None, network: NetworkSpec) -> None:
    """Refuse to cluster the embeddings of a network that has none.

    Raises:
        ValueError: The clustering needs them; tells what to set.
    """
    if clustering is None or clustering.method not in EMBEDDED or network.embedding is not None:
        return
    raise ValueError(
        f"clustering by {clustering.method} needs embeddings: set network.embedding, to 16 say, or "
        "choose components, watershed or border"
    )


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
