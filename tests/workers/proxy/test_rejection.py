"""Losses that cannot raise their metric are told before they are trained."""

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import METRICS, load_loss
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import LOSSES
from tests.workers import tiny
from workers.datasets.dataset import VOID
from workers.proxy.proxy import evaluate_pack
from workers.proxy.rejection import RejectionTest
from workers.tasks.proxy import Candidate, RejectionSpec

CLASSES = 6
LEAST = 1e-9  # of what the straight line raises a metric by, for rounding
STRICT = RejectionSpec(share=1 - LEAST)


def masks() -> Tensor:
    """Two images of thirds, one class inside another, and a void corner."""
    stripes = torch.arange(48).div(16, rounding_mode="floor").expand(48, 48).clone()
    stripes[20:36, 20:36] = 4
    stripes[:6, :6] = VOID
    return torch.stack([stripes, stripes.T + 1]).masked_fill(
        torch.stack([stripes, stripes.T]) == VOID, VOID
    )


def the_test(
    metric: str, spec: RejectionSpec = STRICT, target: Tensor | None = None
) -> RejectionTest:
    task = tiny.proxy_task(metric=metric)
    return RejectionTest(task, spec, masks() if target is None else target, CLASSES)


class Uphill(nn.Module):
    """Pulls all pixels to the wrong class."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return -nn.functional.cross_entropy(logits, target, ignore_index=VOID)


class Flat(nn.Module):
    def forward(self, logits: Tensor, _: Tensor) -> Tensor:
        return (logits * 0).sum()


class Broken(nn.Module):
    def forward(self, *_: Tensor) -> Tensor:
        raise InputError("no such class")


def surrogate(metric: str, theta: list[float], family: str = "bezier") -> nn.Module:
    points = ParameterSpace(metric, family).control_points(theta)
    document = surrogate_document("x", metric, points, family=family, options={"tolerance": 2})
    return load_loss(document, num_classes=CLASSES)


@pytest.mark.parametrize("metric", METRICS)
def test_the_straight_line_is_never_rejected(metric: str) -> None:
    test = the_test(metric)
    naive = load_loss(
        LOSSES[f"naive-{metric}"].document(), num_classes=CLASSES, tolerance=2, scale=1
    )
    gain = test.gain(naive)
    assert gain is not None
    assert gain > 0  # the test can tell
    assert test.reason(naive) is None
    lenient = the_test(metric, RejectionSpec(share=0.99))
    for family in CURVE_FAMILIES:
        line = surrogate(metric, ParameterSpace(metric, family).start.tolist(), family)
        assert lenient.reason(line) is None, family


@pytest.mark.parametrize("metric", ["miou", "bf1", "0.5*miou+0.5*macc"])
def test_what_pulls_the_wrong_way_or_nowhere_is_rejected(metric: str) -> None:
    test = the_test(metric, RejectionSpec())
    for hopeless in (Uphill(), Flat()):
        reason = test.reason(hopeless)
        assert reason is not None
        assert reason.startswith("Rejected before training: 5 gradient steps on predictions alone ")
        assert f"change {metric} by " in reason


def test_steps_have_one_length_however_steep_the_loss() -> None:
    test, line = the_test("miou"), load_loss("naive-miou", num_classes=CLASSES)

    class Steep(nn.Module):
        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            loss: Tensor = 1000 * line(logits, target)
            return loss

    assert test.gain(Steep()) == pytest.approx(test.gain(line))


def test_a_loss_that_cannot_be_computed_is_left_to_the_training() -> None:
    assert the_test("miou").reason(Broken()) is None


def test_nothing_to_measure_rejects_nothing() -> None:
    void = torch.full((2, 16, 16), VOID)
    assert the_test("miou", target=void).reason(Flat()) is None


def test_a_rejected_candidate_is_not_trained_and_the_rest_score_as_without_the_test() -> None:
    start = ParameterSpace("miou").start.tolist()
    # AND rises only where the network is sure already: a curve that is flat but for its end.
    flat = [0.99, 0.0, 0.99, 0.0, 0.99, 0.0, *start[6:]]
    documents = [
        surrogate_document("x", "miou", ParameterSpace("miou").control_points(theta))
        for theta in (flat, start)
    ]
    pack = [Candidate(number, document) for number, document in enumerate(documents)]
    plain, tested = (
        evaluate_pack(tiny.proxy_task(metric="miou", rejection=spec), pack, device="cpu")
        for spec in (None, RejectionSpec())
    )
    assert (tested[0].rejected, tested[0].score, tested[0].iterations) == (True, None, 0)
    assert "Rejected before training" in str(tested[0].error)
    assert (plain[0].rejected, plain[0].iterations) == (False, 4)
    assert (tested[1].metrics, tested[1].curve) == (plain[1].metrics, plain[1].curve)
    alone = evaluate_pack(tiny.proxy_task(metric="miou", rejection=RejectionSpec()), pack[:1])
    assert alone[0].error == tested[0].error
