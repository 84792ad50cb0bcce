"""Jobs of every kind in one list: what each is about, and in one line how it stands. No torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import String, cast, or_, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from search_service.jobs import queue
from search_service.jobs.lifecycle import cursor_of, position_of
from search_service.kinds import KINDS
from search_service.searches.racing.answers import answer
from search_service.settings import Settings
from search_service.store.states import FINAL, State
from search_service.store.tables import Event, Job
from surrogate_zoo.metrics.titles import directed, scores_in, title_of, unit_of

_MOST_SCORES: Final = 3
_SEARCHED: Final = ("dataset", "metric", "metrics", "loss", "losses", "name", "preset")
"""Fields of requests that a text is looked for in."""


@dataclass(frozen=True)
class Summary:
    """A job in one line.

    Attributes:
        job: The job.
        path: Its collection below ``/v1``.
        about: What it is about: ``mIoU on camvid``.
        headline: How it stands: its answer, why it failed or what it waits for; may be empty.
        score: What it scored, or a search's best so far: ``mIoU 41.3``; may be empty.
        progress: As its kind tells it, of a job that is not over; None of one that is.
        waiting: What it waits for, of a job that is queued.
    """

    job: Job
    path: str
    about: str
    headline: str
    score: str
    progress: Mapping[str, Any] | None
    waiting: queue.Waiting | None = None


def page(
    session: Session,
    settings: Settings,
    *,
    kinds: Sequence[str] = (),
    states: Sequence[State] = (),
    tags: Sequence[str] = (),
    text: str = "",
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Summary], str | None]:
    """Return jobs of every kind, newest first, and the cursor of the next page (None on the last).

    Args:
        session: Its owner's bounds hold.
        settings: The service's settings.
        kinds: Names of kinds; none takes all.
        states: States; none takes all.
        tags: Tags that a job has, all of them.
        text: What a job's id begins with, or what its dataset, metrics, losses, name, note or tags contain.
        after: Cursor of the page before.
        limit: Jobs a page.

    Raises:
        InputError: ``after`` is no cursor of this function.
    """
    query = select(Job.created_at, Job.id).where(*_conditions(states, tags, text))
    if after is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < tuple_(*position_of(after)))
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    # A query a kind: each walks along an index, and none sorts all jobs with their results.
    found = [
        (created_at, job_id)
        for kind in dict.fromkeys(kinds or KINDS)
        for created_at, job_id in session.execute(query.where(Job.kind == kind))
    ]
    shown = sorted(found, reverse=True)[:limit]
    rows = session.scalars(select(Job).where(Job.id.in_([job_id for _, job_id in shown])))
    jobs = sorted(rows, key=lambda job: (job.created_at, job.id), reverse=True)
    following = cursor_of(jobs[-1]) if len(found) > limit else None
    waits = queue.waits(session, settings, jobs)
    return [_summary(session, job, waits) for job in jobs], following


def summary(session: Session, settings: Settings, job: Job) -> Summary:
    """Tell of one job."""
    return _summary(session, job, queue.waits(session, settings, [job]))


def _summary(session: Session, job: Job, waits: Mapping[str, queue.Waiting]) -> Summary:
    kind = KINDS[job.kind]
    over = job.state in FINAL
    progress = None if over else kind.admission().progress(session, job)
    waiting = waits.get(job.id)
    if waiting:
        headline = f"Place {waiting.position}: {waiting.reason}"
    else:
        headline = _outcome(job) if over else _reason(session, job)
    told = about(job.kind, job.request)
    return Summary(job, kind.path, told, headline, _score(job, progress or {}), progress, waiting)


def about(kind: str, request: Mapping[str, Any]) -> str:
    """What a job of a kind is about, by its request."""
    if kind == "search":
        sought = request.get("metrics") or [request["metric"]]
        told = ", ".join(map(title_of, sought))
    elif kind == "comparison":
        told = (
            f"{_counted(len(request['losses']), 'loss', 'losses')} by {title_of(request['metric'])}"
        )
    elif kind == "retraining":
        told = str(request["loss"])
    elif kind == "registration":
        return f"the dataset {request['name']}"
    else:
        told = str(request["network"]["kind"]).replace("_", " ")
    return f"{told} on {request['dataset']}"


def _conditions(
    states: Sequence[State], tags: Sequence[str], text: str
) -> Iterable[ColumnElement[bool]]:
    if states:
        yield Job.state.in_(states)
    kept = cast(Job.tags, String)
    for tag in tags:
        yield kept.contains(f'"{tag}"', autoescape=True)  # as JSON has it: no tag holds a quote
    if text:
        fields = (*(Job.request[field].as_string() for field in _SEARCHED), Job.note, kept)
        found = (field.icontains(text, autoescape=True) for field in fields)
        yield or_(Job.id.startswith(text.lower(), autoescape=True), *found)


def _outcome(job: Job) -> str:
    """The one-line answer of a job that is over."""
    if job.error:
        return job.error
    teller = _TELLERS.get(job.kind)
    return "" if job.result is None or teller is None else teller(job.result, job.request)


def _score(job: Job, progress: Mapping[str, Any]) -> str:
    """What a job scored, or a search's best trial so far."""
    if job.result is not None and job.kind in _SCORERS:
        scores = _SCORERS[job.kind](job.result)
    else:
        best = progress.get("best_score")
        scores = {} if best is None else {job.request["metric"]: best}
    return ", ".join(f"{title_of(name)} {unit_of(name).text(scores[name])}" for name in scores)


def _reason(session: Session, job: Job) -> str:
    """Why a job waits, by the newest change of its state."""
    query = select(Event.body).where(Event.job_id == job.id, Event.kind == "state")
    body = session.scalar(query.order_by(Event.sequence.desc()).limit(1))
    return str((body or {}).get("reason") or "")


def _of_search(result: Mapping[str, Any], _request: Mapping[str, Any]) -> str:
    winners = result.get("winners") or []
    if len(winners) == 1:
        return answer(winners[0], winners[0]["loss"]).sentence
    raced = [winner for winner in winners if winner.get("race")]
    better = [
        title_of(winner["metric"]) for winner in raced if winner["race"]["verdict"] == "better"
    ]
    if not raced:
        return f"{_counted(len(winners), 'loss was', 'losses were')} found; no race compared them."
    if not better:
        return f"No loss was found that beats the handmade ones, for any of {len(winners)} metrics."
    return (
        f"Beats the best handmade loss in {len(better)} of {len(winners)} metrics: "
        f"{', '.join(better)}."
    )


def _of_retraining(result: Mapping[str, Any], _request: Mapping[str, Any]) -> str:
    told = list(_retrained(result).items())[:_MOST_SCORES]
    return ", ".join(f"{title_of(name)} {unit_of(name).text(score)}" for name, score in told)


def _of_comparison(result: Mapping[str, Any], _request: Mapping[str, Any]) -> str:
    metric = result["metric"]
    ranked = [loss for loss in result["networks"][0]["losses"] if loss["mean"] is not None]
    if not ranked:
        return "No retraining has a score."
    best, *others = ranked
    tied = [loss["loss"] for loss in others if loss["among_best"]]
    half = (
        "" if best["half_interval"] is None else f" ± {unit_of(metric).text(best['half_interval'])}"
    )
    score = f"{unit_of(metric).text(best['mean'])}{half}"
    told = f"{best['loss']} has the best rank in {directed(title_of(metric), metric)} ({score})"
    return f"{told}; not told apart from the best: {', '.join(tied)}." if tied else f"{told}."


def _of_loss_network(result: Mapping[str, Any], _request: Mapping[str, Any]) -> str:
    measures = result.get("measures") or {}
    numbers = {name: value for name, value in measures.items() if isinstance(value, int | float)}
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in numbers.items())


def _of_registration(result: Mapping[str, Any], _request: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in result["images"].items())
    return f"{counts} images"


def _searched(result: Mapping[str, Any]) -> dict[str, float]:
    """Score of every winner: its mean in the race, or of the best trial where there was none."""
    winners = result.get("winners") or []
    means = {
        winner["metric"]: entrant["mean"]
        for winner in winners
        for entrant in (winner.get("race") or {}).get("entrants", ())
        if entrant["winner"] and entrant["mean"] is not None
    }
    best = (result.get("best") or {}).get("score")
    if means or len(winners) != 1 or best is None:
        return means
    return {winners[0]["metric"]: best}


def _retrained(result: Mapping[str, Any]) -> dict[str, float]:
    scores = result["metrics"]
    return {name: scores[name] for name in scores_in(scores) if scores[name] is not None}


def _compared(result: Mapping[str, Any]) -> dict[str, float]:
    means = [loss["mean"] for loss in result["networks"][0]["losses"] if loss["mean"] is not None]
    return {result["metric"]: means[0]} if means else {}


_SCORERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, float]]]] = {
    "search": _searched,
    "retraining": lambda result: dict(list(_retrained(result).items())[:1]),
    "comparison": _compared,
}

_TELLERS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]]] = {
    "search": _of_search,
    "retraining": _of_retraining,
    "comparison": _of_comparison,
    "loss-network": _of_loss_network,
    "registration": _of_registration,
}


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
