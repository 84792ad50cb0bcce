"""Losses of objects in trainings: what they get, that embeddings learn, and that nothing else changes."""

import pytest
import torch
from torch import Tensor

from surrogate_zoo import LOSSES, load_loss, needs_of
from surrogate_zoo.needs import EMBEDDINGS
from tests.workers import tiny
from workers.datasets.dataset import Samples
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import check_all, train
from workers.learning.losses import build_loss, inputs_given
from workers.networks.heads import WithHeads
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CLASSES = 6
CPU = torch.device("cpu")
EMBEDDED = tiny.NETWORK.model_copy(update={"embedding": 8, "seediness": True})


@pytest.fixture(scope="module")
def shapes() -> Samples:
    return open_dataset(tiny.SOURCE).read("train")


def batches_of(samples: Samples, training: TrainingSpec) -> Batches:
    return Batches(stack_by_size(samples, CPU, range(len(samples))), training, 0)


def learner_of(
    loss: str, samples: Samples, training: TrainingSpec, network: NetworkSpec = EMBEDDED
) -> Learner:
    document = LOSSES[loss].document()
    given = inputs_given(network, samples)
    built = build_loss(document, samples.masks, CLASSES, {}, given=given)
    start = initial_network(network, CLASSES, 0)
    return Learner(start, built, training, CPU, inputs=needs_of(document).inputs)


def trained(learner: Learner, samples: Samples, training: TrainingSpec) -> dict[str, Tensor]:
    train([learner], batches_of(samples, training), training, seed=0, device=CPU)
    assert learner.failure is None
    return learner.trained.state_dict()


def test_embeddings_of_an_object_draw_together_and_those_of_two_apart(shapes: Samples) -> None:
    training = tiny.training(
        iterations=100, batch_size=8, optimiser="adamw", learning_rate=0.01, ema_decay=0.9
    )
    learner = learner_of("cross-entropy-discriminative", shapes, training)
    batch = batches_of(shapes, training)(1000)
    assert batch.instances is not None
    terms = [
        load_loss("discriminative", num_classes=CLASSES, alpha=alpha, beta=1 - alpha, gamma=0.0)
        for alpha in (1.0, 0.0)
    ]

    def values() -> list[float]:
        with torch.no_grad():
            logits, heads = WithHeads(learner.trained.eval(), [EMBEDDINGS])(batch.images)
            instances, embeddings = batch.instances, heads[EMBEDDINGS]
            return [
                float(term(logits, batch.masks, embeddings=embeddings, instances=instances))
                for term in terms
            ]

    # Embeddings that are far apart at the start, so that there is something to draw together.
    for network in (learner.network, learner.trained):
        network.get_submodule("own_heads.embeddings").get_parameter("weight").data *= 16
    before = values()
    trained(learner, shapes, training)
    assert all(0 < new < 0.6 * old for new, old in zip(values(), before, strict=True))


@pytest.mark.parametrize("loss", ["cross-entropy-discriminative", "deep-metric"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_reaches_the_head(loss: str, accumulate: int, shapes: Samples) -> None:
    training = tiny.training(iterations=1, accumulate=accumulate)
    learner = learner_of(loss, shapes, training)
    learner.step(0, batches_of(shapes, training)(0))
    check_all([learner])
    assert learner.failure is None
    gradients = {
        name: parameter.grad
        for name, parameter in learner.network.named_parameters()
        if name.startswith("own_heads") and parameter.grad is not None and parameter.grad.any()
    }
    wanted = ["embeddings"] if loss != "deep-metric" else ["embeddings", "seediness"]
    assert {f"own_heads.{name}.weight" for name in wanted} <= gradients.keys()
    assert {name.split(".")[1] for name in gradients} == set(wanted)
    assert learner.network.get_parameter("encoder.model.conv1.weight").grad is not None


def test_heads_and_objects_that_no_loss_asks_for_change_nothing(shapes: Samples) -> None:
    training = tiny.training()
    bare = Samples(shapes.names, shapes.images, shapes.masks)
    for loss in ("cross-entropy", "boundary-cross-entropy"):
        plain = trained(learner_of(loss, bare, training, tiny.NETWORK), bare, training)
        embedded = trained(learner_of(loss, shapes, training), shapes, training)
        assert embedded.keys() > plain.keys()
        assert all(torch.equal(embedded[name], value) for name, value in plain.items())


def test_a_batch_without_objects_is_told(shapes: Samples) -> None:
    training = tiny.training(iterations=1)
    learner = learner_of("discriminative", shapes, training)
    bare = Samples(shapes.names, shapes.images, shapes.masks)
    learner.step(0, batches_of(bare, training)(0))
    assert learner.failure == (
        "The loss failed at iteration 0: The loss needs the objects of images, and the dataset has none."
    )
