"""A search in one process: the same proposals again, resumed, with failures, and as a notebook shows it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from search_service.local.search import search
from search_service.searches.external.trial import Trial
from surrogate_zoo import SegmentationEvaluator
from surrogate_zoo.errors import InputError
from tests.search_service.searches.external.scoring import REQUEST, STEPS, evaluate

SMALL: dict[str, Any] = {**REQUEST, "race": None, "steps": None, "halving": None}


def test_a_search_ends_with_a_loss_that_a_notebook_shows(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def noted(trial: Trial) -> float:
        seen.append((trial.stage, trial.number))
        return evaluate(trial)

    result = search(evaluate=noted, storage=tmp_path / "search.db", **REQUEST)
    assert {stage.split()[0] for stage, _ in seen} == {"generation", "heat", "round"}
    assert [trial.number for trial in result.trials] == list(range(len(result.trials)))
    assert {trial.ending for trial in result.trials} == {"trained", "stopped"}
    assert result.loss(4) is not None
    assert result.winners[0]["race"]["rounds"] == 2
    assert str(result) in result._repr_html_()
    assert str(result) in repr(result)
    assert len(repr(result)) < 1000, "a notebook keeps it in its file"
    assert "report.html" in {path.name for path in result.save(tmp_path / "out")}

    def never(trial: Trial) -> float:
        raise AssertionError(trial.stage)

    again = search(evaluate=never, storage=tmp_path / "search.db", **REQUEST)
    assert (again.trials, again.documents) == (result.trials, result.documents)


@pytest.mark.slow  # 14 s
def test_a_search_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    straight = search(evaluate=evaluate, **SMALL)
    left = [9]

    def cut_off(trial: Trial) -> float:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return evaluate_whole(trial)

    storage = tmp_path / "search.db"
    with pytest.raises(KeyboardInterrupt):
        search(evaluate=cut_off, storage=storage, **SMALL)
    resumed: list[int] = []

    def rest(trial: Trial) -> float:
        resumed.append(trial.number)
        return evaluate_whole(trial)

    result = search(evaluate=rest, storage=storage, **SMALL)
    assert resumed == list(range(9, len(straight.trials)))
    assert [(t.parameters, t.score) for t in result.trials] == [
        (t.parameters, t.score) for t in straight.trials
    ]


def evaluate_whole(trial: Trial) -> float:
    return evaluate(trial)


def test_a_first_error_passes_through_and_later_ones_are_the_trials(tmp_path: Path) -> None:
    def broken(trial: Trial) -> float:
        raise RuntimeError(f"no data for {trial.number}")

    storage = tmp_path / "search.db"
    with pytest.raises(RuntimeError, match="no data for 0"):
        search(evaluate=broken, storage=storage, **SMALL)

    def sometimes(trial: Trial) -> float:
        if trial.number == 2:
            raise RuntimeError("out of memory")
        return float("nan") if trial.number == 3 else evaluate(trial)

    result = search(evaluate=sometimes, storage=storage, **SMALL)
    failed = {trial.number: trial.error for trial in result.trials if trial.ending == "failed"}
    assert failed == {2: "RuntimeError: out of memory", 3: "The training diverged: score is nan."}


def test_what_could_not_be_measured_is_left_out_and_what_is_searched_for_must_be(
    tmp_path: Path,
) -> None:
    def partly(trial: Trial) -> dict[str, float]:
        searched = float("inf") if trial.number == 1 else evaluate(trial)
        return {"miou": searched, "bf1": float("nan"), "macc": 0.5}

    for name in ("a?b", "p%41x#"):  # which a URL would read otherwise
        storage = tmp_path / name / "search.db"
        storage.parent.mkdir()
        result = search(evaluate=partly, storage=storage, **SMALL)
        assert storage.exists()
        failed = {t.number: t.error for t in result.trials if t.error}
        assert failed == {1: "The training diverged: miou is inf."}
        assert all(set(t.metrics) == {"miou", "macc"} for t in result.trials if not t.error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a?b", "p%41x#"]


def test_a_loss_that_was_found_knows_of_the_data_what_the_search_knew() -> None:
    name, facts = "inverse-frequency-cross-entropy", {"class_pixels": [9900, 100]}
    values: dict[str, set[float]] = {"searched": set(), "found": set()}
    logits, target = torch.randn(2, 2, 8, 8), (torch.rand(2, 8, 8) < 0.3).long()

    def weighing(trial: Trial) -> float:
        weighs = trial.document.get("loss") == name
        if weighs:
            values["searched"].add(float(trial.loss()(logits, target)))
        return 0.9 if weighs else 0.1

    sampler = {"name": "portfolio", "trials": 0, "rates": [1.0]}
    space = {"name": "zoo", "losses": [name]}
    asked: dict[str, Any] = {"sampler": sampler, "space": space, "race": None, **facts}
    result = search("miou", weighing, num_classes=2, class_image_pixels=[10_000, 10_000], **asked)
    assert float(result.loss(2)(logits, target)) in values["searched"]
    assert float(result.loss(2, facts={})(logits, target)) not in values["searched"]


def test_a_score_out_of_range_or_a_request_without_sense_is_refused() -> None:
    with pytest.raises(InputError, match="divide percent by 100"):
        search(evaluate=lambda _: 71.0, **SMALL)
    with pytest.raises(InputError, match="proxy_size is of the service's own training"):
        search("miou", evaluate, num_classes=4, proxy_size=64)
    with pytest.raises(InputError, match="ppo2 counts in steps"):
        search("miou", evaluate, num_classes=4, sampler="ppo2", trials=8)


@pytest.mark.parametrize("scaled", [False, True])
def test_curves_are_trained_with_or_without_the_scale_that_is_published(scaled: bool) -> None:
    handed: list[float] = []

    def noted(trial: Trial) -> float:
        handed.append(trial.document["scale"])
        return evaluate(trial)

    space = {"name": "curves", "scaled": scaled, "rates": [0.5, 2.0]}
    fields: dict[str, Any] = {"sampler": "tpe", "trials": 3, "space": space, "race": None}
    result = search("miou", noted, num_classes=4, steps=STEPS, halving=None, **fields)
    assert len(result.trials) == 3
    document, chosen = result.document(), result.winners[0]
    assert document["kind"] == "surrogate"
    published = {"loss", "version"}
    told = {name: value for name, value in chosen.items() if name not in published}
    assert document["provenance"]["chosen"] == told
    if scaled:
        assert document["scale"] in handed
        assert "scale" not in chosen
    else:
        assert set(handed) == {1.0} == {chosen["scale"]}
        assert document["scale"] > 1


@pytest.mark.slow  # 7 s each
@pytest.mark.parametrize(("classes", "mode"), [(1, None), (3, "multilabel")])
def test_sigmoids_are_searched_and_trained(classes: int, mode: str | None) -> None:
    """Disks of light on noise; of a multi-label one in each band, which overlap."""
    generator = torch.Generator().manual_seed(0)
    images, masks = _disks(classes, generator)

    def trained(trial: Trial) -> float:
        torch.manual_seed(trial.seed)
        net, loss = torch.nn.Conv2d(classes, classes, 5, padding=2), trial.loss()
        optimiser = torch.optim.Adam(net.parameters(), lr=0.05 * min(trial.rate, 2))
        for _ in range(15):
            optimiser.zero_grad()
            torch.autograd.backward(loss(net(images[:6]), masks[:6]))
            optimiser.step()
        evaluator = SegmentationEvaluator(classes, mode=mode or "multiclass")
        evaluator.update((net(images[6:]) > 0).long(), masks[6:])
        return evaluator.compute()["dice"]

    told: dict[str, Any] = {} if mode is None else {"mode": mode}
    result = search(
        "dice",
        trained,
        num_classes=classes,
        sampler={"name": "portfolio", "rates": [1.0], "trials": 2, "batch": 2},
        space={"name": "zoo", "losses": ["dice", "lovasz"], "class_weights": True},
        race={"rounds": 2, "heats": 1},
        halving=None,
        **told,
    )
    assert {trial.ending for trial in result.trials} == {"trained"}
    assert result.documents[0].get("mode") == mode
    logits = torch.randn(2, classes, 16, 16)
    assert result.loss(classes)(logits, (logits > 0).long()) > 0
    assert max(trial.score or 0 for trial in result.trials) > 0.8


def _disks(channels: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (8, C, 16, 16) and masks, uint8, of a disk in each band."""
    places = 4 + 8 * torch.rand(8, channels, 2, 1, 1, generator=generator)
    grid = torch.stack(torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij"))
    masks = (grid - places).square().sum(2) < 16
    noise = 0.3 * torch.randn(masks.shape, generator=generator)
    return masks.float() + noise, masks.to(torch.uint8)


def test_a_metric_without_a_meaning_of_multilabels_is_not_searched() -> None:
    with pytest.raises(InputError, match="kappa compares the classes of a pixel"):
        search("miou+kappa", evaluate, num_classes=3, mode="multilabel")
