"""``segloss quickstart``: the whole path on a generated dataset, unattended, on two CPU cores."""

from pathlib import Path
from typing import Annotated, Any

import typer

from search_service.cli.client import Client
from search_service.cli.compare import comparison
from search_service.cli.console import out, plain_errors, say
from search_service.cli.embedded import embedded_service
from search_service.cli.jobs import fetch_files
from search_service.cli.losses import Format, fetch
from search_service.cli.watching import follow

METRIC = "macc"
DATASET = "shapes"
SEARCH: dict[str, Any] = {"metric": METRIC, "dataset": DATASET, "preset": "quick"}
# As the proxy was trained, but longer, and scored on images that the search never read.
RETRAINING: dict[str, Any] = {"dataset": DATASET, "split": "test"}
ITERATIONS = 300


@plain_errors
def quickstart(
    folder: Annotated[
        Path, typer.Option(help="Where everything goes; a second run finds the first one's work.")
    ] = Path("quickstart"),
) -> None:
    """Search a loss for mean accuracy on generated images, and train with it beside cross entropy.

    It runs against a service of its own through REST, as any client would.
    """
    folder = folder.absolute()
    say(f"Starting a service in {folder / 'service'} ...")
    with embedded_service(folder / "service") as client:
        say(f"It listens on {client.url}.")
        search = _job(client, "searches", SEARCH, f"search for {METRIC}")
        found: str = search["result"]["loss"]
        figures = fetch_files(client, f"/v1/searches/{search['id']}", folder / "search")
        files = [_save(client, found, folder, form) for form in ("json", "python")]
        retrained = [
            _job(client, "retrainings", _retraining(loss, search["request"]), f"train with {loss}")
            for loss in (found, "cross-entropy")
        ]
        for job in retrained:
            path = f"/v1/retrainings/{job['id']}"
            fetch_files(client, path, folder / "retrained" / job["request"]["loss"])
        out.print(comparison(retrained))
    _tell(folder, files, figures)


def _save(client: Client, loss: str, folder: Path, file_format: Format) -> Path:
    name, content = fetch(client, loss, file_format)
    (folder / name).write_bytes(content)
    return folder / name


def _retraining(loss: str, proxy: dict[str, Any]) -> dict[str, Any]:
    training = {**proxy["training"], "iterations": ITERATIONS}
    return {**RETRAINING, "loss": loss, "network": proxy["network"], "training": training}


def _job(client: Client, kind: str, body: dict[str, Any], title: str) -> dict[str, Any]:
    """Submit a job and wait for it; the key makes a second run find the first one's job."""
    key = f"quickstart-{kind}-{body.get('loss', METRIC)}"
    job = client.post(f"/v1/{kind}", body, key=key)
    return follow(client, f"/v1/{kind}/{job['id']}", title)


def _tell(folder: Path, files: list[Path], figures: list[Path]) -> None:
    say(f"The loss, to train with:        {', '.join(str(path) for path in files)}")
    say(f"Weights and predictions:        {folder / 'retrained'}")
    picture = next(path for path in figures if path.suffix == ".png")
    say(f"Curves and the search's path:   {picture}")
    say(f"To look around in this service: segloss serve --home {folder / 'service'}")
