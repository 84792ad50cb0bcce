"""Reports with one figure, for searches that train nothing and tests that look at no other.

The others take twice as long as all else of such a search. ``searches/test_report.py`` draws every figure,
and so do searches with real workers.
"""

from collections.abc import Callable
from typing import Any

from search_service.samplers.contract import SamplerResult
from search_service.searches.search import Search

Put = Callable[[Any, str, Any], None]
"""As ``setattr``."""


def draw_one(put: Put) -> None:
    """Let this process draw one figure; loads torch."""
    from search_service.searches import page, report
    from search_service.searches.figures.catalogue import FIGURES

    scores = tuple(figure for figure in FIGURES if figure.name == "scores")
    for module in (page, report):
        put(module, "FIGURES", scores)


def draw_one_later() -> None:
    """The same once a search has come to its end, for a process that may be killed before."""
    sample = Search.sample

    def sampled(search: Search) -> SamplerResult:
        result = sample(search)
        draw_one(setattr)
        return result

    put: Put = setattr
    put(Search, "sample", sampled)
