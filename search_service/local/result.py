"""What a search in one process found: losses, trials, and what a notebook shows of them."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from search_service.jobs import lifecycle
from search_service.searches import admission
from search_service.searches.racing import answers
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.tables import Job
from surrogate_zoo.errors import InputError, WorkerError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.registry import load_loss
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.store import zoo

if TYPE_CHECKING:
    from torch import nn

_SHOWN = 8
"""So many trials a notebook shows: the best."""


@dataclass(frozen=True)
class TrialRow:
    """One trial of the search itself; trainings of the race are told with the winners.

    Attributes:
        number: Its number.
        generation: Proposals that were made together share it.
        parameters: What was tried, by name.
        score: What it scored; None where it failed. Of a stopped one what the sampler was told.
        metrics: Every metric that was told.
        ending: How it ended: trained, stopped, rejected or failed.
        error: Why it has no score.
        seconds: Wall time of its training.
    """

    number: int
    generation: int
    parameters: Mapping[str, Any]
    score: float | None
    metrics: Mapping[str, float]
    ending: str
    error: str | None
    seconds: float


@dataclass(frozen=True, repr=False)
class SearchResult:
    """What a search found; a notebook shows it as a table and a figure.

    Attributes:
        documents: The loss file's content for each metric that got a winner.
        winners: What is told of each: ``metric``, ``rate``, ``parameters``, and the ``race``.
        trials: The trials, by number.
        files: Files of the search by name, as its page on a service has them: ``report.html``,
            ``scores.png``, ``trials.csv``, ``loss.json``.
        facts: The result as the service tells it.
        metric: What the trials' scores are: the metric, or the sum of several.
        facts_of_data: What the search knew of the data, as losses ask for it.
    """

    documents: Sequence[Document]
    winners: Sequence[Mapping[str, Any]]
    trials: Sequence[TrialRow]
    files: Mapping[str, bytes]
    facts: Mapping[str, Any]
    metric: str
    facts_of_data: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Factor on the learning rate that the first loss was found with."""
        return float(self.winners[0]["rate"])

    def document(self, metric: str | None = None) -> Document:
        """The loss file's content for a metric; for the first if none is named.

        Raises:
            InputError: The search was not for that metric.
        """
        names = [winner["metric"] for winner in self.winners]
        if metric is not None and metric not in names:
            raise InputError(f"The search was for {', '.join(names)}, not {metric!r}.")
        return self.documents[0 if metric is None else names.index(metric)]

    def loss(self, num_classes: int, metric: str | None = None, **overrides: Any) -> "nn.Module":
        """The loss that was found, to train with; see :func:`lossfit.load_loss`.

        It knows of the data what the search knew, unless ``facts`` are given.
        """
        options = {"facts": dict(self.facts_of_data), **overrides}
        return load_loss(self.document(metric), num_classes=num_classes, **options)

    def _place(self, trial: TrialRow) -> float:
        """What trials are sorted by, the best first."""
        return -Target(self.metric).merit_of(trial.score or 0.0)

    def save(self, folder: str | Path) -> list[Path]:
        """Write the files into a folder, and return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return [folder / name for name in self.files]

    def __str__(self) -> str:
        """The answer for each metric, in a sentence."""
        told = zip(self.winners, self.documents, strict=True)
        return "\n".join(answers.answer(winner, doc["name"]).sentence for winner, doc in told)

    def __repr__(self) -> str:
        """The answers, without the files: a notebook keeps it beside what it shows."""
        return f"<SearchResult: {self.metric}, {len(self.trials)} trials\n{self}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answers, the races, the best trials, and the scores."""
        told = zip(self.winners, self.documents, strict=True)
        parts = [_answer(answers.answer(winner, doc["name"])) for winner, doc in told]
        scored = [trial for trial in self.trials if trial.score is not None]
        best = sorted(scored, key=self._place)[:_SHOWN]
        rows = [
            (str(trial.number), f"{trial.score:.4f}", trial.ending, _named(trial.parameters))
            for trial in best
        ]
        parts.append(_table(("Trial", "Score", "Ending", "Parameters"), rows))
        picture = base64.b64encode(self.files["scores.png"]).decode()
        parts.append(
            f'<img alt="Scores" style="max-width:100%" src="data:image/png;base64,{picture}">'
        )
        return "".join(parts)


def result_of(session: Session, settings: Settings, job_id: str) -> SearchResult:
    """What a search that has succeeded found.

    Raises:
        StorageError: Its files are gone.
    """
    job = session.get_one(Job, job_id)
    if job.result is None:
        raise WorkerError(f"The search {job_id} is {job.state} and has no result.")
    winners = job.result["winners"]
    return SearchResult(
        [zoo.get(session, each["loss"], each["version"]).document for each in winners],
        winners,
        _trials(session, job),
        {
            row.name: artifacts.open_artifact(settings.artifacts_root, row.sha256).read_bytes()
            for row in lifecycle.artifacts(session, job_id)
        },
        job.result,
        job.request["metric"],
        SearchRequest.model_validate(job.request).facts,
    )


def _trials(session: Session, job: Job) -> list[TrialRow]:
    space = space_of(SearchRequest.model_validate(job.request))
    return [
        TrialRow(
            trial.number,
            trial.generation,
            space.named(trial.theta),
            trial.score,
            trial.metrics,
            trial.ending,
            trial.error,
            trial.seconds,
        )
        for trial in admission.trials(session, job.id, limit=10**6)
    ]


def _answer(answer: answers.Answer) -> str:
    facts = "; ".join(f"{name}: {value}" for name, value in answer.facts.items())
    said = f"<p><b>{html.escape(answer.sentence)}</b><br>{html.escape(facts)}</p>"
    return said + (_table(answers.HEADING, answer.rows) if answer.rows else "")


def _named(parameters: Mapping[str, Any]) -> str:
    shown = (
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
    )
    return ", ".join(shown)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        for tag, row in [("th", heading), *(("td", row) for row in rows)]
    ]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
