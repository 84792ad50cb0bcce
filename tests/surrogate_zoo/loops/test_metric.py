"""The metric of torchmetrics has the scores of the evaluator, over processes too."""

import math
import pickle
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torchmetrics import MetricCollection

from lossfit import METRICS, SegmentationEvaluator, SegmentationMetric, Trial
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.loops import nets

CLASSES = 4
pytestmark = pytest.mark.filterwarnings("ignore")


def _pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return labels(seed, void=0), labels(seed + 100)


def _expected(seeds: range) -> dict[str, float]:
    evaluator = SegmentationEvaluator(CLASSES, tolerance=1)
    for seed in seeds:
        evaluator.update(*_pair(seed))
    return evaluator.compute()


def _same(found: dict[str, torch.Tensor], expected: dict[str, float]) -> None:
    assert set(found) == set(METRICS)
    assert {k: v.item() for k, v in found.items()} == pytest.approx(expected, nan_ok=True)


def test_scores_are_those_of_the_evaluator_and_can_be_forgotten() -> None:
    metric = SegmentationMetric(CLASSES, tolerance=1)
    for seed in range(3):
        metric.update(*_pair(seed))
    _same(metric.compute(), _expected(range(3)))
    again = pickle.loads(pickle.dumps(metric))  # noqa: S301  (own)
    _same(again.compute(), _expected(range(3)))
    metric.reset()
    assert all(math.isnan(score) for score in metric.compute().values())
    _same(metric(*_pair(7)), _expected(range(7, 8)))  # forward: the scores of one batch


def test_logits_are_taken_and_a_collection_holds_it() -> None:
    prediction, target = _pair(0)
    logits = torch.nn.functional.one_hot(prediction, CLASSES).movedim(-1, 1).float()
    metrics = MetricCollection([SegmentationMetric(CLASSES, tolerance=1)])
    metrics.update(logits, target)
    _same(metrics.compute(), _expected(range(1)))


def _half(rank: int, folder: str) -> None:
    meeting = (Path(folder) / "meeting").as_uri()
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    metric = SegmentationMetric(CLASSES, tolerance=1)
    for seed in range(3) if rank == 0 else range(3, 4):
        metric.update(*_pair(seed))
    _same(metric.compute(), _expected(range(4)))
    distributed.destroy_process_group()


@pytest.mark.slow  # 14 s: two processes import torchmetrics
def test_scores_are_those_of_all_processes(tmp_path: Path) -> None:
    spawn(_half, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]


def test_an_evaluator_restored_from_totals_has_the_scores() -> None:
    parts = [SegmentationEvaluator(CLASSES, tolerance=1) for _ in range(3)]
    parts[0].update(*_pair(0))
    parts[1].update(*_pair(1))
    parts[2].restore(parts[0].totals() + parts[1].totals())
    assert parts[2].compute() == pytest.approx(_expected(range(2)))
    void = torch.full_like(_pair(0)[1], VOID)
    parts[2].update(void.zero_(), torch.full_like(void, VOID))
    assert parts[2].compute() == pytest.approx(_expected(range(2)))


@pytest.mark.slow
def test_a_search_by_its_scores_ends_with_a_loss() -> None:
    def evaluate(trial: Trial) -> dict[str, float]:
        network, (inputs, masks) = nets.network(), nets.images().tensors
        loss = trial.loss()
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2 * trial.rate)
        for _ in range(5):
            optimiser.zero_grad()
            torch.autograd.backward(loss(network(inputs), masks))
            optimiser.step()
        metric = SegmentationMetric(nets.CLASSES)
        metric.update(network(inputs), masks)
        return {"miou": metric.compute()["miou"].item()}

    nets.eight_trials(evaluate)


@pytest.mark.parametrize(("classes", "mode"), [(1, "multiclass"), (3, "multilabel")])
def test_logits_of_sigmoids_are_on_above_0(classes: int, mode: str) -> None:
    logits = torch.randn(2, classes, 9, 11)
    target = torch.stack([labels(seed, classes=2) for seed in range(classes)], 1)
    metric, evaluator = (
        kind(classes, mode=mode) for kind in (SegmentationMetric, SegmentationEvaluator)
    )
    metric.update(logits, target)
    evaluator.update((logits > 0).long(), target)
    found = {name: float(score) for name, score in metric.compute().items()}
    assert found == pytest.approx(evaluator.compute(), nan_ok=True)
