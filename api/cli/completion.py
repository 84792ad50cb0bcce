"""What a shell completes: fields of requests, and names and ids that a service has.

A service that is away, or that refuses, completes nothing: who presses the tab key wants no message.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import typer

from api.cli.output.console import DEFAULT_URL, connect
from surrogate_zoo.errors import LossfitError

if TYPE_CHECKING:
    from api.client.client import Client

Completion = tuple[str, str]
"""A word, and what it means."""

_MOST = 50

_REQUESTS = {
    "search": "search",
    "retrain": "retraining",
    "compare": "comparison",
    "train": "loss-network",
    "add": "dataset",
    "check": "dataset",
}
"""Command -> whose fields its ``--set`` takes, as ``lossfit fields`` calls it."""


def assignments(context: typer.Context, incomplete: str) -> list[Completion]:
    """Fields of the command's request up to the next dot, or the words that a field takes."""
    from api.cli.field_tree import fields_of

    path, equals, value = incomplete.partition("=")
    fields = fields_of(_REQUESTS.get(context.info_name or "", "search"))
    if equals:
        choices = next((field.choices for field in fields if field.path == path), ())
        return [(f"{path}={each}", "") for each in choices if each.startswith(value)]
    found: dict[str, str] = {}
    for field in fields:
        if field.path.startswith(path):
            rest, dot, _ = field.path[len(path) :].partition(".")
            found.setdefault(path + rest + (dot or "="), "" if dot else field.meaning)
    # A field with fields of its own is offered once, by those.
    return [
        (word, told) for word, told in found.items() if f"{word[:-1]}." not in {*found} - {word}
    ]


def jobs(incomplete: str) -> list[Completion]:
    """Ids of the newest jobs."""
    return _told(
        lambda c: ((job.id, f"{job.kind} {job.about}") for job in c.overview()), incomplete
    )


def losses(incomplete: str) -> list[Completion]:
    """Names of the zoo, and aliases."""
    return _told(
        lambda c: chain(_aliases(c), ((loss.name, loss.kind) for loss in c.losses.list())),
        incomplete,
    )


def aliases(incomplete: str) -> list[Completion]:
    """Aliases of losses."""
    return _told(_aliases, incomplete)


def _aliases(client: "Client") -> Iterator[Completion]:
    return ((alias.name, f"stands for {alias.loss}") for alias in client.losses.aliases())


def datasets(incomplete: str) -> list[Completion]:
    """Registered datasets."""
    return _told(
        lambda c: ((each.name, each.source["layout"]) for each in c.datasets.list()), incomplete
    )


def metrics(incomplete: str) -> list[Completion]:
    """What a search can aim at; of several that are joined by + or a comma the last one."""
    at = max(incomplete.rfind("+"), incomplete.rfind(",")) + 1
    found = _told(
        lambda c: ((each.name, each.summary) for each in c.metrics.list()), incomplete[at:]
    )
    return [(incomplete[:at] + name, told) for name, told in found]


def layouts() -> list[str]:
    """How files of a dataset may be laid out."""
    from workers.tasks.datasets import LAYOUT_NAMES

    return list(LAYOUT_NAMES)


def presets_of_searches() -> list[str]:
    """Names of the presets of a search."""
    from search_service.searches.presets import SEARCH_PRESETS

    return list(SEARCH_PRESETS)


def presets_of_retrainings() -> list[str]:
    """Names of the presets of retrainings and comparisons."""
    from search_service.retrainings.presets import RETRAINING_PRESETS

    return list(RETRAINING_PRESETS)


def _told(words: "Callable[[Client], Iterable[Completion]]", incomplete: str) -> list[Completion]:
    """The words of the service that begin so."""
    try:
        with connect(os.environ.get("LOSSFIT_URL") or DEFAULT_URL) as client:
            return list(islice(_beginning(words(client), incomplete), _MOST))
    except LossfitError:
        return []


def _beginning(words: Iterable[Completion], incomplete: str) -> Iterator[Completion]:
    return (word for word in words if word[0].startswith(incomplete))
