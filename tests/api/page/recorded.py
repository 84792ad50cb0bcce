"""Jobs as a controller would have left them, for a page to show: a search, a comparison, a retraining."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from PIL import Image

from search_service.catalogue import datasets
from search_service.comparisons import records, report
from search_service.comparisons.cells import cells_of
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.page import FinishedComparison
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results
from search_service.jobs import ledger
from search_service.jobs.run import succeed
from search_service.searches.publication import document
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.spaces.zoo import ZooSpace
from search_service.store import artifacts
from search_service.store.states import CELL
from search_service.store.tables import Artifact, Evaluation, Trial
from surrogate_zoo.losses.drafts import missing
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live
from workers.tasks.gallery import GalleryResult

SEARCH: Final = {"metric": "bf1", "dataset": "shapes", "preset": "quick"}
COMPARISON: Final = {
    "losses": ["cross-entropy", "dice", "lovasz"],
    "dataset": "shapes",
    "preset": "quick",
    "seeds": 3,
}
RETRAINING: Final = {"loss": "dice", "dataset": "shapes", "preset": "quick"}
FOUND: Final = "asl-bf1-shapes"
"""Name of the loss that the search found."""
SCORES: Final = {"cross-entropy": 0.40, "dice": 0.52, "lovasz": 0.515}
"""Mean scores of the comparison's losses; seeds differ by a point."""


def submitted(live: Live, path: str, body: Mapping[str, object], *, running: bool = True) -> str:
    """Ask for a job, and let it run unless told."""
    answer = live.http.post(f"/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    job_id = str(answer.json()["id"])
    if running:
        with live.sessions.begin() as session:
            assert ledger.move(session, job_id, {"queued": "running"})
    return job_id


def record_trials(live: Live, job_id: str, numbers: Sequence[int]) -> None:
    """Record trials of a search, the scores rising and falling."""
    space = space_of(SearchRequest.model_validate(SEARCH))
    assert isinstance(space, ZooSpace)
    thetas = space.portfolio((1.0, 3.0))
    for number in numbers:
        score = 0.3 + 0.01 * (number * 7 % 11)
        trial = Trial(job_id=job_id, number=number, generation=0, is_mean=False, score=score)
        trial.theta, trial.metrics = list(thetas[number]), {"bf1": score, "miou": score / 2}
        trial.ending, trial.iterations, trial.seconds = "trained", 30, 2.0
        trial.scales = [1.0] * missing(space.candidate(trial.theta).loss)
        trial.worker, trial.finished_at = {"threads": 1}, now()
        trial.curve = [[step, 2.0 - step / 20] for step in range(1, 31, 3)]
        trial.curve = [[step, 2.0 - step / 20] for step in range(1, 31, 3)]
        with live.sessions.begin() as session:
            assert ledger.record_trial(session, trial)


def finished_search(live: Live) -> str:
    """A search whose race found a loss that is better than the handmade ones."""
    job_id = submitted(live, "searches", SEARCH)
    record_trials(live, job_id, range(12))
    lead = {"mean": 0.06, "interval": [0.04, 0.08], "p": 0.001}
    entrants = [
        _entrant(3, "surrogate-bf1", [0.50, 0.52], None, winner=True),
        _entrant(1, "dice", [0.44, 0.46], lead, roles=("candidate", "handmade")),
        _entrant(0, "cross-entropy", [0.40, 0.42], lead, roles=("handmade", "cross-entropy")),
    ]
    race: dict[str, Any] = {"rounds": 2, "heats": 1, "level": 0.975, "entrants": entrants}
    race |= {"verdict": "better", "cost": {}, "hold_out": "", "in_heats": []}
    race["sentence"] = "surrogate-bf1 beats the best handmade loss in BF1 over 2 fresh seeds."
    winner = {"metric": "bf1", "trial": 3, "rate": 1.0, "race": race, "parameters": {}}
    winner |= {"loss": FOUND, "version": 1}
    _publish(live)
    result = {"loss": FOUND, "version": 1, "winners": [winner], "trials": 12}
    result |= {"failed": 0, "rejected": 0, "stopped": 0, "hold_out": "32 of 160 images held out"}
    return _ended(live, job_id, result, {"scores.png": _picture()})


def _publish(live: Live) -> None:
    """The loss that the search found: a surrogate, as any."""
    naive = live.http.get("/v1/losses/naive-bf1").json()["document"]
    facts = {"versions": {"lossfit": "0"}}
    with live.sessions.begin() as session:
        zoo.publish(session, document(naive, (), FOUND, "Searched for bf1 on shapes", facts))


def finished_comparison(live: Live) -> str:
    """A comparison of three losses, of which two are not told apart, with a gallery of one image."""
    job_id = submitted(live, "comparisons", COMPARISON)
    job = live.http.get(f"/v1/comparisons/{job_id}").json()
    request = ComparisonRequest.model_validate(job["request"])
    for cell in cells_of(request):
        score = SCORES[cell.loss] + 0.01 * (cell.seed if cell.loss != "lovasz" else -cell.seed)
        metrics = {"miou": score, "bf1": 0.9 - score}
        metrics |= {f"trimap_{width}": score - 0.2 + width / 100 for width in (1, 3, 9)}
        metrics |= {f"outside_{width}": score + width / 100 for width in (1, 3, 9)}
        outcome = CellOutcome(0.1, score, seconds=2.0, metrics=metrics)
        outcome = replace(outcome, class_iou={"ground": score, "wire": None, "ball": score / 2})
        row = Evaluation(job_id=job_id, stage=CELL, number=cell.number)
        row.outcome, row.finished_at = outcome.to_json(), now()
        with live.sessions.begin() as session:
            ledger.record_evaluation(session, row)
    with live.sessions() as session:
        results = records.results_of(request, ledger.all_evaluations(session, job_id))
    image = {"name": "test-1", "disagreement": 0.4, "image": "0-image.png", "truth": "0-truth.png"}
    named = {
        kind: {loss: f"0-{number}-{kind}.png" for number, loss in enumerate(request.losses)}
        for kind in ("predictions", "errors")
    }
    gallery = {"images": [image | named], "colours": {"ground": "#800000"}}
    told = GalleryResult.model_validate(gallery)
    files = {"gallery.json": json.dumps(gallery).encode()}
    files |= {f"gallery-{name}": _picture() for name in told.files}
    files |= _report(live, results, request, told)
    return _ended(live, job_id, results.summary(), files)


def _report(
    live: Live, results: Results, request: ComparisonRequest, gallery: GalleryResult
) -> dict[str, bytes]:
    """The files of a comparison's report, as a controller writes them."""
    pictures = live.settings.home / "pictures"
    pictures.mkdir()
    for name in gallery.files:
        (pictures / name).write_bytes(_picture())
    documents = {name: LOSSES[name].document() for name in request.losses}
    with live.sessions() as session:
        dataset = datasets.get(session, request.dataset)
    finished = FinishedComparison(results, request, dataset, documents, {}, gallery, pictures)
    written = report.write(live.settings.home / "report", finished)
    return {path.name: path.read_bytes() for path in written}


def finished_retraining(live: Live) -> str:
    """A retraining with its files."""
    job_id = submitted(live, "retrainings", RETRAINING)
    metrics = {"miou": 0.475, "bf1": 0.5, "mba": 0.6}
    report = {"split": "val", "images": 40, "metrics": metrics, "curve": [[1, 1.4], [50, 0.8]]}
    report |= {"class_iou": {"ground": 0.8, "wire": None}}
    files = {"metrics.json": json.dumps(report).encode(), "predictions.png": _picture()}
    return _ended(live, job_id, {"metrics": metrics, "seconds": 4.0}, files)


def _entrant(
    number: int,
    loss: str,
    scores: Sequence[float],
    lead: Mapping[str, Any] | None,
    *,
    roles: Sequence[str] = ("candidate",),
    winner: bool = False,
) -> dict[str, Any]:
    told = {"number": number, "loss": loss, "rate": 1.0, "roles": list(roles), "scores": scores}
    mean = sum(scores) / len(scores)
    return told | {"mean": mean, "lead": lead, "winner": winner, "rival": lead is not None}


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (40, 90, 160)).save(file, "PNG")
    return file.getvalue()


def _ended(live: Live, job_id: str, result: dict[str, Any], files: Mapping[str, bytes]) -> str:
    folder = live.settings.home / "left"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content)
        sha256, size = artifacts.store(live.settings.artifacts_root, path)
        row = Artifact(job_id=job_id, name=name, sha256=sha256, bytes=size)
        row.media_type = artifacts.MEDIA_TYPES[path.suffix]
        with live.sessions.begin() as session:
            ledger.record_artifact(session, row)
    with live.sessions.begin() as session:
        assert succeed(session, job_id, 0, result)
    return job_id
