"""What a retraining tells of objects: every way to make them, tuned on what was held out, and scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from torch import nn

from surrogate_zoo import InstanceEvaluator, needs_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.needs import EMBEDDINGS
from workers.instances.found import Found
from workers.instances.held_out import HeldOut
from workers.instances.prediction import confidences_of
from workers.instances.scoring import Scores, Way, check_objects, scores_of_ways
from workers.instances.tuning import tuned
from workers.learning.image_stack import Stack
from workers.tasks.instances import EMBEDDED, ClusteringSpec
from workers.tasks.objects import ClusteringTuning, ObjectOptions


@dataclass(frozen=True)
class Tuned:
    """The ways of one network, with what was chosen for them.

    Attributes:
        ways: Every way by name.
        told: By which ``score``, on what ``hold_out``, and the ``scores`` that each reached there, as
            JSON; empty where nothing was tuned.
    """

    ways: Mapping[str, ClusteringSpec]
    told: Mapping[str, Any] = field(default_factory=dict)


def check_ways(options: ObjectOptions, things: Sequence[int], loss: Document) -> None:
    """Refuse ways that cannot be scored; to be called before the training.

    Raises:
        DatasetError: Objects are to be made, and the dataset tells none apart.
        InputError: A way is not one for these things, a package is not installed, or embeddings are to
            be clustered that the loss does not train.
    """
    trained = EMBEDDINGS in needs_of(loss).inputs
    for clustering in options.ways.values():
        check_objects(clustering, things)
        if clustering.method in EMBEDDED and not trained:
            raise InputError(
                f"Clustering by {clustering.method} groups embeddings, and the loss {loss['name']} "
                "trains none: take one that does, such as cross-entropy-discriminative, or cluster "
                "by components, watershed or border."
            )


def tune_ways(
    options: ObjectOptions,
    network: nn.Module,
    held_out: Sequence[Stack],
    things: Sequence[int],
    cut: str,
) -> Tuned:
    """Choose radius and smallest object of every way, where that is asked for.

    Args:
        options: The ways, and how they are tuned.
        network: The trained network, in evaluation mode.
        held_out: Samples that it was not trained on.
        things: Labels of the classes that have objects.
        cut: How these samples were held out, in a sentence.

    Raises:
        InputError: No clustering has a finite score on the held-out images.
    """
    tuning = options.tune_clustering
    if tuning is None:
        return Tuned(options.ways)
    samples = HeldOut(network, held_out)
    ways: dict[str, ClusteringSpec] = {}
    scores: dict[str, float] = {}
    for name, clustering in options.ways.items():
        looks = _Looks(tuning, samples, things)
        radii = tuning.radii(clustering)
        ways[name] = tuned(
            clustering, radii, tuning.min_pixels, samples, things=things, score=looks.merit
        )
        scores[name] = looks.best
    return Tuned(ways, {"score": tuning.score, "hold_out": cut, "scores": scores})


class _Looks:
    """The scores of one way on the hold-out set, try by try."""

    def __init__(self, tuning: ClusteringTuning, samples: HeldOut, things: Sequence[int]) -> None:
        self._score, self._samples, self._things = tuning.score, samples, things
        self._sign = 1.0 if INSTANCE_SCORES[tuning.score].higher_is_better else -1.0
        self._merits: list[float] = []

    def merit(self, objects: Sequence[Found]) -> float:
        """The score of what was found in all samples; higher is better, so maybe negated."""
        evaluator = InstanceEvaluator(self._things)
        for found, held in zip(objects, self._samples.images(), strict=True):
            sure = confidences_of(found, held.probabilities)
            evaluator.update(*found, sure, held.truth.instances, held.truth.whole(self._things))
        merit = self._sign * evaluator.compute()[self._score]
        self._merits.append(merit)
        return merit

    @property
    def best(self) -> float:
        """The best score so far."""
        return self._sign * max(merit for merit in self._merits if isfinite(merit))


def object_report(
    options: ObjectOptions,
    chosen: Tuned,
    network: nn.Module,
    stacks: Sequence[Stack],
    things: Sequence[int],
) -> dict[str, Any]:
    """Score every way and every oracle.

    Args:
        options: What was asked for; there is one way at least.
        chosen: The ways as they are scored.
        network: The trained network.
        stacks: The samples to score on.
        things: Labels of the classes that have objects.

    Returns:
        As JSON: ``things``; ``clusterings``, every way by name as it was scored; ``scores`` of every way;
        ``oracles``, the scores of those that were asked for; and, where ways were tuned, ``tuning``,
        see :class:`Tuned`.
    """
    first = next(iter(chosen.ways.values()))
    ways = {name: Way(clustering) for name, clustering in chosen.ways.items()}
    oracles: dict[str, Way] = {name: Way(first, name) for name in options.oracles}
    scores = scores_of_ways(network, stacks, things, ways | oracles)
    report = {
        "things": list(things),
        "clusterings": {name: each.model_dump(mode="json") for name, each in chosen.ways.items()},
        "scores": _of(scores, ways),
        "oracles": _of(scores, oracles),
    }
    return report | ({"tuning": dict(chosen.told)} if chosen.told else {})


def _of(scores: Mapping[str, Scores], names: Mapping[str, Way]) -> dict[str, Scores]:
    return {name: scores[name] for name in names}
