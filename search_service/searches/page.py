"""A search as one HTML page that needs no other file and no network."""

from collections.abc import Mapping
from typing import Any, Final

from search_service.pages.environment import PAGES, embedded
from search_service.pages.fact_rows import rows_of
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.figures.search import FinishedSearch
from surrogate_zoo.metrics.catalogue import METRICS

BEST: Final = 10
"""So many trials stand in the table of the best."""


def render(search: FinishedSearch, figures: Mapping[str, bytes | str]) -> str:
    """The page.

    Args:
        search: What it tells of.
        figures: Name -> PNG file's content, or why there is none.
    """
    measured = [name for name in METRICS if any(name in t.metrics for t, _ in search.scored)]
    return PAGES.get_template("search.html").render(
        search=search,
        loss=search.document["name"],
        title=search.document["title"],
        facts=search.document["provenance"],
        curves=_points(search.document),
        figures=[(entry, *embedded(figures[entry.name])) for entry in FIGURES],
        best=search.best[:BEST],
        failed=len(search.trials) - len(search.scored),
        measured={name: METRICS[name].title for name in measured},
        seconds=sum(trial.seconds for trial in search.trials),
        rows=_rows(search.document["provenance"]),
    )


def _points(document: Mapping[str, Any]) -> dict[str, list[float]]:
    """Control points of a loss file; of a sum's surrogates, under the names of their metrics."""
    terms = [term["loss"] for term in document.get("terms", [{"loss": document}])]
    return {
        curve if len(terms) == 1 else f"{loss['metric']}:{curve}": points
        for loss in terms
        if loss["kind"] == "surrogate"
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
