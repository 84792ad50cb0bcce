"""What candidates score on the hold-out set: metrics of labels, and of objects where any are made."""

from collections.abc import Mapping, Sequence

from torch import nn

from surrogate_zoo.errors import InputError
from workers.instances.scoring import Scores, instance_scores_each
from workers.learning.image_stack import Stack
from workers.learning.learner import Learner
from workers.learning.proxy_size import brought_down
from workers.scoring.inference import evaluate_each
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.scoring import InferenceSpec

RANKED = InferenceSpec(decoding="rankseg")


def clustering_of(task: ProxyTask, candidate: Candidate) -> ClusteringSpec | None:
    """How a candidate's objects are found: as it says itself, or as the task does; None finds none."""
    return candidate.clustering or task.scoring.clustering


def scores_of(
    task: ProxyTask,
    learners: Mapping[Learner, ClusteringSpec | None],
    held_out: Sequence[Stack],
    *,
    num_classes: int,
    things: Sequence[int],
) -> dict[Learner, Scores]:
    """Metrics on the hold-out set of every learner that has not failed, those of objects too.

    A learner whose objects cannot be found has failed, and has no scores.

    Args:
        task: The proxy task.
        learners: How the objects of each are found; None finds none.
        held_out: The hold-out set.
        num_classes: C.
        things: Labels of the classes that have objects.
    """
    if task.proxy_size is not None:
        held_out = brought_down(held_out, task.proxy_size)
    sound = [learner for learner in learners if learner.failure is None]
    networks = [learner.trained for learner in sound]
    labels = evaluate_each(networks, held_out, num_classes, task.scoring)
    if task.rankseg:
        ranked = evaluate_each(networks, held_out, num_classes, task.scoring, RANKED)
        for own, other in zip(labels, ranked, strict=True):
            own |= {f"rankseg.{name}": value for name, value in other.items()}
    scores = dict(zip(sound, labels, strict=True))
    clusterings = {learner: spec for learner in sound if (spec := learners[learner]) is not None}
    objects = _objects(clusterings, held_out, things)
    for learner, found in objects.items():
        if isinstance(found, InputError):
            learner.failure = str(found)
            scores[learner] = {}
        else:
            scores[learner] |= found
    return scores


def _objects(
    clusterings: Mapping[Learner, ClusteringSpec], held_out: Sequence[Stack], things: Sequence[int]
) -> dict[Learner, Scores | InputError]:
    """Scores of objects of those that find some, or why there are none."""
    if not clusterings:
        return {}
    networks: list[nn.Module] = [learner.trained for learner in clusterings]
    found = instance_scores_each(networks, held_out, things, list(clusterings.values()))
    return dict(zip(clusterings, found, strict=True))
