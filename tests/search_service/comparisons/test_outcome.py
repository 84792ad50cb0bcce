"""A cell's outcome and its form in the database."""

import json

from search_service.comparisons.outcome import CellOutcome

# What a retraining writes as metrics.json, shortened.
REPORT = {
    "split": "val",
    "images": 4,
    "metrics": {"miou": 0.5, "trimap_1": 0.2},
    "class_iou": {"disk": 0.5, "ring": None},
    "image_miou": [0.5, None],
    "worst_decile": 0.1,
    "rankseg": {"miou": 0.6},
    "curve": [[1, 0.7]],
    "peak_memory_bytes": 7,
}


def outcome() -> CellOutcome:
    return CellOutcome.of(REPORT, learning_rate=0.1, metric="miou", seconds=2.0)


def test_it_takes_scores_and_every_single_number_of_a_report() -> None:
    assert outcome() == CellOutcome(
        learning_rate=0.1,
        score=0.5,
        seconds=2.0,
        metrics={"miou": 0.5, "trimap_1": 0.2},
        rankseg={"miou": 0.6},
        class_iou={"disk": 0.5, "ring": None},
        measures={"images": 4, "worst_decile": 0.1, "peak_memory_bytes": 7},
    )


def test_a_metric_with_nothing_to_measure_leaves_no_score() -> None:
    assert CellOutcome.of(REPORT, learning_rate=0.1, metric="bf1", seconds=2.0).score is None


def test_it_survives_the_database() -> None:
    failed = CellOutcome(0.1, error="The loss became NaN.")
    for each in (outcome(), failed):
        assert CellOutcome.from_json(json.loads(json.dumps(each.to_json()))) == each
    assert failed.to_json()["score"] is None
