"""``lossfit quickstart``: the whole path on a generated dataset, unattended, on two CPU cores."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.comparison_tables import print_results
from api.cli.console import out, plain_errors, say
from api.cli.embedded import embedded_service
from api.cli.jobs import fetch_files
from api.cli.losses import Format, fetch
from api.cli.watching import follow
from api.client.client import Client
from search_service.comparisons.retrained import results_of_retrainings
from search_service.presets import QUICK_NETWORK, QUICK_SCORING
from search_service.retrainings.presets import QUICK_RETRAINING

METRIC = "macc"
SEARCH: dict[str, Any] = {"metric": METRIC, "dataset": "shapes", "preset": "quick"}
# What training is usually done with, and where the search started: did it earn its keep?
BESIDE = ("cross-entropy", f"naive-{METRIC}")
# Scored on images that the search never read.
RETRAINING: dict[str, Any] = {
    "dataset": "shapes",
    "split": "test",
    "network": QUICK_NETWORK.model_dump(mode="json"),
    "training": QUICK_RETRAINING.model_dump(mode="json"),
    "scoring": QUICK_SCORING.model_dump(mode="json"),
}


@plain_errors
def quickstart(
    folder: Annotated[
        Path, typer.Option(help="Where everything goes; a second run finds the first one's work.")
    ] = Path("quickstart"),
) -> None:
    """Search a loss for mean accuracy on generated images, and train with it beside two others.

    It runs against a service of its own through REST, as any client would.
    """
    folder = folder.absolute()
    say(f"Starting a service in {folder / 'service'} ...")
    with embedded_service(folder / "service") as client:
        say(f"It listens on {client.url}.")
        search = follow(client, _submit(client, "searches", SEARCH), f"search for {METRIC}")
        found: str = search["result"]["loss"]
        written = fetch_files(client, f"/v1/searches/{search['id']}", folder / "search")
        files = [_save(client, found, folder, form) for form in ("json", "python")]
        bodies = {loss: {**RETRAINING, "loss": loss} for loss in (found, *BESIDE)}
        jobs = {loss: _submit(client, "retrainings", body) for loss, body in bodies.items()}
        retrained = [follow(client, job, f"train with {loss}") for loss, job in jobs.items()]
        for loss, job in jobs.items():
            fetch_files(client, job, folder / "retrained" / loss)
        print_results(out, results_of_retrainings(retrained, METRIC), "shapes, split test")
    _tell(folder, files, written)


def _save(client: Client, loss: str, folder: Path, file_format: Format) -> Path:
    name, content = fetch(client, loss, file_format)
    (folder / name).write_bytes(content)
    return folder / name


def _submit(client: Client, kind: str, body: dict[str, Any]) -> str:
    """Submit a job and give its path; the key makes a second run find the first one's job."""
    key = f"quickstart-{kind}-{body.get('loss', METRIC)}"
    return f"/v1/{kind}/{client.post(f'/v1/{kind}', body, key=key)['id']}"


def _tell(folder: Path, files: list[Path], written: list[Path]) -> None:
    say(f"The loss, to train with:        {', '.join(str(path) for path in files)}")
    say(f"Weights and predictions:        {folder / 'retrained'}")
    report = next(path for path in written if path.name == "report.html")
    say(f"Figures of the search:          {report}")
    say(f"To look around in this service: lossfit serve --home {folder / 'service'}")
