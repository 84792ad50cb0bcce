"""The evaluation benchmark: torchmetrics sees the same scores as the evaluator."""

import pytest
from torchmetrics.classification import MulticlassJaccardIndex

from benchmarks.evaluation import VOID, blobs, milliseconds, updates
from surrogate_zoo import SegmentationEvaluator


def test_all_are_timed_and_score_alike() -> None:
    pred, target = blobs(40, 4, cell=8)
    took = milliseconds(updates(4), pred, target)
    assert list(took) == list(updates(4))
    theirs = MulticlassJaccardIndex(4, ignore_index=VOID)
    theirs.update(pred, target)
    ours = SegmentationEvaluator(4)
    ours.update(pred, target)
    assert ours.compute()["miou"] == pytest.approx(theirs.compute().item(), abs=1e-6)
