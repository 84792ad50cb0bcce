"""What ``lossfit quickstart`` does: a search and three retrainings against a service of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from api.cli.output.answer_tables import print_answers
from api.cli.output.comparison_tables import print_results
from api.cli.output.console import out, say
from api.cli.output.watching import follow
from api.cli.serving.embedded import embedded_service
from api.client.client import Client
from api.client.formats import Format
from search_service.comparisons.retrained import results_of_retrainings

METRIC = "bf1"
SEARCH: dict[str, Any] = {"metric": METRIC, "dataset": "shapes", "preset": "quick"}
# What training is usually done with, and where the search started: did it earn its keep?
BESIDE = ("cross-entropy", f"naive-{METRIC}")
# Scored on images that the search never read.
RETRAINING: dict[str, Any] = {"dataset": "shapes", "split": "test", "preset": "quick"}


def walk(folder: Path) -> None:
    """Walk the whole path; everything goes into a folder."""
    say(f"Starting a service in {folder / 'service'} ...")
    with embedded_service(folder / "service") as client:
        say(f"It listens on {client.url}.")
        loss, figures = _search(client, folder / "search")
        files = [client.losses.file(loss, kind).save(folder) for kind in _formats(client, loss)]
        _compare(client, (loss, *BESIDE), folder / "retrained")
    _tell(folder, files, figures)


def _formats(client: Client, loss: str) -> Sequence[Format]:
    """What the loss can be downloaded as: a handmade one that won is no Python file."""
    document = json.loads(client.losses.file(loss, "json").content)
    parts = [term["loss"] for term in document.get("terms", [{"loss": document}])]
    every: tuple[Format, ...] = get_args(Format)
    return every if all(part["kind"] == "surrogate" for part in parts) else ("json",)


def _search(client: Client, folder: Path) -> tuple[str, Path]:
    """Search; give the loss's name, and the page with the figures."""
    # The key makes a second run find the first one's job.
    job = client.searches.submit(SEARCH, key=f"quickstart-searches-{METRIC}")
    search = follow(client.searches, job.id, f"search for {METRIC}")
    client.searches.download_all(job.id, folder)
    result = search.result or {}
    print_answers(job.id, result)
    return str(result["loss"]), folder / "report.html"


def _compare(client: Client, losses: Sequence[str], folder: Path) -> None:
    """Retrain with every loss, and print a table of their scores."""
    retrainings = client.retrainings
    jobs = {
        loss: retrainings.submit(RETRAINING, loss=loss, key=f"quickstart-retrainings-{loss}")
        for loss in losses
    }
    retrained = [follow(retrainings, job.id, f"train with {loss}") for loss, job in jobs.items()]
    for loss, job in jobs.items():
        retrainings.download_all(job.id, folder / loss)
    results = results_of_retrainings([job.model_dump(mode="json") for job in retrained], METRIC)
    print_results(out, results, "shapes, split test")


def _tell(folder: Path, files: Sequence[Path], figures: Path) -> None:
    say(f"The loss, to train with:        {', '.join(str(path) for path in files)}")
    say(f"Weights and predictions:        {folder / 'retrained'}")
    say(f"Figures of the search:          {figures}")
    say(f"To look around in this service: lossfit serve --home {folder / 'service'}")
