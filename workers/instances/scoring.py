"""Scores of the objects that a network's predictions are made into, image by image."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from torch import Tensor, nn

from surrogate_zoo import InstanceEvaluator
from surrogate_zoo.errors import DatasetError, InputError
from surrogate_zoo.needs import INSTANCES
from workers.instances.cluster import check, cluster
from workers.instances.found import Found, Prediction
from workers.instances.oracles import ORACLES, Truth
from workers.instances.prediction import confidences_of, predict_image
from workers.instances.rivals import check_border
from workers.learning.image_stack import Stack
from workers.learning.losses import REMEDIES
from workers.networks.frozen import forget_features
from workers.tasks.instances import EMBEDDED, ClusteringSpec

Scores = dict[str, float]
"""Those of :data:`surrogate_zoo.INSTANCE_SCORES` that had something to measure, by name."""


class Way(NamedTuple):
    """How objects are made of a network's predictions.

    Attributes:
        clustering: How pixels become objects.
        oracle: Name of the oracle of :data:`workers.instances.oracles.ORACLES` that is told a part of
            the truth, too; None is told nothing.
    """

    clustering: ClusteringSpec
    oracle: str | None = None

    def objects(
        self, prediction: Prediction, truth: Truth, things: Sequence[int], image: int
    ) -> Found:
        """The objects of one image, which has this number."""
        if self.oracle is None:
            return cluster(*prediction, things, self.clustering, seed=image)
        return ORACLES[self.oracle](prediction, truth, things, self.clustering, image)


def check_objects(clustering: ClusteringSpec | None, things: Sequence[int]) -> None:
    """Refuse objects that cannot be scored; to be called before a training. None scores none.

    Raises:
        DatasetError: The dataset tells no objects apart.
        InputError: The clustering is not one for these things, or a package is not installed.
    """
    if clustering is None:
        return
    if not things:
        raise DatasetError(
            "scoring.clustering makes objects, and the dataset tells none apart: "
            f"{REMEDIES[INSTANCES]}, or leave clustering out."
        )
    check(clustering)
    if clustering.border is not None:
        check_border(things, clustering.border)


def instance_scores(
    network: nn.Module,
    stacks: Sequence[Stack],
    things: Sequence[int],
    clustering: ClusteringSpec,
) -> Scores:
    """Score the objects of a network's predictions against the true ones.

    Every image is seen whole, once and at its size, whatever the inference of labels does (see
    ``workers.instances.prediction``). Leaves the network in evaluation mode.

    Args:
        network: With an embedding head unless ``clustering`` does without; on the stacks' device.
        stacks: The samples. Pixels are drawn by an image's position among all of them, so that scores
            do not depend on how they are stacked.
        things: Labels of the classes that have objects.
        clustering: How pixels become objects.

    Returns:
        The scores by name, in the order of ``INSTANCE_SCORES``; those that had nothing to measure are
        left out.

    Raises:
        DatasetError: The samples have no objects.
        InputError: As ``workers.instances.cluster.cluster``.
    """
    return scores_of_ways(network, stacks, things, {"": Way(clustering)})[""]


def scores_of_ways(
    network: nn.Module, stacks: Sequence[Stack], things: Sequence[int], ways: Mapping[str, Way]
) -> dict[str, Scores]:
    """As :func:`instance_scores`, for several ways of one network, which sees every image once."""
    [scores] = _scores([network], stacks, things, [ways])
    if isinstance(scores, InputError):
        raise scores
    return scores


def instance_scores_each(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    things: Sequence[int],
    clusterings: Sequence[ClusteringSpec],
) -> list[Scores | InputError]:
    """As :func:`instance_scores`, for several; those on one frozen encoder share its features.

    Args:
        networks: The networks.
        stacks: The samples.
        things: Labels of the classes that have objects.
        clusterings: How pixels become objects, for each network.

    Returns:
        For each network its scores, or why it has none: the others are scored all the same.
    """
    ways = [{"": Way(clustering)} for clustering in clusterings]
    scores = _scores(networks, stacks, things, ways)
    return [each if isinstance(each, InputError) else each[""] for each in scores]


class _Scored:
    """The objects of one network, scored way by way.

    Attributes:
        network: The network.
        error: Why it has no scores; None while it has.
    """

    def __init__(self, network: nn.Module, things: Sequence[int], ways: Mapping[str, Way]) -> None:
        self.network = network.eval()
        self._things, self._ways = things, ways
        self._embedded = any(way.clustering.method in EMBEDDED for way in ways.values())
        self._evaluators = {name: InstanceEvaluator(things) for name in ways}
        self.error: InputError | None = None

    def update(self, image: Tensor, truth: Truth, number: int) -> None:
        """Take in an image, which has this number."""
        if self.error is not None:
            return
        try:
            self._update(image, truth, number)
        except InputError as error:
            self.error = error

    def _update(self, image: Tensor, truth: Truth, number: int) -> None:
        prediction, probabilities = predict_image(self.network, image, embedded=self._embedded)
        for name, way in self._ways.items():
            found = way.objects(prediction, truth, self._things, number)
            sure = confidences_of(found, probabilities)
            self._evaluators[name].update(*found, sure, truth.instances, truth.whole(self._things))

    def compute(self) -> dict[str, Scores] | InputError:
        """The scores of every way, or why there are none."""
        if self.error is not None:
            return self.error
        return {name: _measured(each) for name, each in self._evaluators.items()}


def _scores(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    things: Sequence[int],
    ways: Sequence[Mapping[str, Way]],
) -> list[dict[str, Scores] | InputError]:
    """Scores of every network by each of its ways, or why it has none."""
    pairs = zip(networks, ways, strict=True)
    scored = [_Scored(network, things, own) for network, own in pairs]
    for stack in stacks:
        truths = truths_of(stack)
        for image, truth, number in zip(stack.images, truths, stack.positions, strict=True):
            for each in scored:
                each.update(image, truth, number)
            forget_features(networks)
    return [each.compute() for each in scored]


def truths_of(stack: Stack) -> list[Truth]:
    """What is annotated of every image of a stack.

    Raises:
        DatasetError: It has no objects.
    """
    if stack.instances is None:
        raise DatasetError(f"The samples have no objects to score: {REMEDIES[INSTANCES]}.")
    pairs = zip(stack.masks, stack.instances, strict=True)
    return [Truth(mask.long(), instances) for mask, instances in pairs]


def _measured(evaluator: InstanceEvaluator) -> Scores:
    return {name: score for name, score in evaluator.compute().items() if isfinite(score)}
