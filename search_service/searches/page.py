"""A search as one HTML page that needs no other file and no network."""

import json
from collections.abc import Mapping
from typing import Any, Final

from search_service.pages.environment import PAGES, embedded
from search_service.pages.fact_rows import rows_of
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.figures.kinds import NO_KINDS
from search_service.searches.figures.race import NO_RACE
from search_service.searches.figures.search import NO_CURVES, FinishedSearch
from search_service.searches.labels import label_of
from search_service.searches.racing.answers import HEADING, answer, duration
from search_service.store.tables import Trial
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.metrics.titles import heading_of, scores_in, title_of, unit_of
from workers.tasks.instances import ClusteringSpec

OF_OTHERS: Final = (NO_CURVES, NO_KINDS, NO_RACE)
"""Why a figure is of other searches: nothing is said of it."""

BEST: Final = 10
"""So many trials stand in the table of the best."""


def render(search: FinishedSearch, figures: Mapping[str, bytes | str]) -> str:
    """The page.

    Args:
        search: What it tells of.
        figures: Name -> PNG file's content, or why there is none.
    """
    told = zip(search.winners, search.documents, strict=True) if search.winners else ()
    measured = scores_in(name for trial, _ in search.scored for name in trial.metrics)
    return PAGES.get_template("search.html").render(
        search=search,
        loss=search.document["name"],
        title=_title(search),
        facts=search.document["provenance"],
        answers=[answer(winner, document["name"]) for winner, document in told],
        heading=HEADING,
        inputs={d["name"]: needs_of(d).inputs for d in search.documents},
        options=_options(search.winners[0]) if search.winners else "",
        cost=_cost(search),
        curves={d["name"]: points for d in search.documents if (points := _points(search, d))},
        figures=[
            (entry, *embedded(figures[entry.name]))
            for entry in FIGURES
            if figures[entry.name] not in OF_OTHERS
        ],
        best=search.best[:BEST],
        failed=len(search.trials) - len(search.scored),
        unit_of=unit_of,
        measured={name: heading_of(name) for name in measured},
        kinds=[
            "" if search.grouped is None else label_of(search.grouped, trial.theta)
            for trial, _ in search.best[:BEST]
        ],
        rows=_rows(search.document["provenance"]),
    )


def _options(winner: Mapping[str, Any]) -> str:
    """What ``lossfit retrain`` is to be told beside the loss: width and clustering, of a loss of objects."""
    if "embedding" not in winner:
        return ""
    clustering = ClusteringSpec.model_validate(winner["clustering"])
    given = json.dumps(clustering.model_dump(mode="json", exclude_defaults=True))
    return f" --set network.embedding={winner['embedding']} --set 'scoring.clustering={given}'"


def _title(search: FinishedSearch) -> str:
    """The title of the loss; of several losses what they were searched for together."""
    if len(search.documents) == 1:
        return str(search.document["title"])
    sought = ", ".join(title_of(winner["metric"]) for winner in search.winners)
    return f"Searched for {sought} on {search.document['provenance']['dataset']['name']}"


def _cost(search: FinishedSearch) -> dict[str, str]:
    """Trainings and their time before the race: a portfolio apart from what came after."""
    parts: dict[str, list[Trial]] = {"search": list(search.trials)}
    if search.portfolio:
        parts = {
            "portfolio": [trial for trial in search.trials if trial.generation == 0],
            "search after it": [trial for trial in search.trials if trial.generation > 0],
        }
    return {
        name: f"{len(trials)} trainings, {duration(sum(trial.seconds for trial in trials))}"
        for name, trials in parts.items()
        if trials
    }


def _points(search: FinishedSearch, document: Mapping[str, Any]) -> dict[str, list[float]]:
    """Control points of a loss file; of a sum's surrogates, under the names of their metrics."""
    return {
        f"{loss['metric']}:{curve}" if "terms" in document else curve: points
        for _, loss in search.surrogates(document)
        for curve, points in loss["control_points"].items()
    }


_TOLD_ELSEWHERE: Final = {"trials", "path", "mean_scores", "chosen", "parameters"}


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provenance as rows of a table: ``training.iterations``, ``1000``."""
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        if name not in _TOLD_ELSEWHERE:
            rows += rows_of(name, value)
    return rows
