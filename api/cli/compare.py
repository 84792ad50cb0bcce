"""``lossfit compare``: finished retrainings in one table, only where they can be compared."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.console import DEFAULT_URL, Url, connect, out, plain_errors
from api.client.client import Client
from api.schemas import JobDetail
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS

# What may differ between retrainings in one table; everything else must be the same.
_FREE = ("loss", "version", "versions", "seed", "priority", "checkpoint_every", "preset", "log")

# Columns unless others are asked for: those of the Auto Seg-Loss paper.
_USUAL = ("miou", "fwiou", "biou", "bf1", "macc", "gacc")


@plain_errors
def compare(
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB...", help="Finished retrainings.")],
    *,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to show, repeatable; six usual ones if none. See `metrics`."),
    ] = None,
    boundary: Annotated[
        bool,
        typer.Option("--boundary", help="Show the measures near borders, mBA and trimap mIoU."),
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Compare finished retrainings: one row a loss, the mean over its seeds and their spread."""
    with connect(url) as client:
        jobs = [_finished(client, job_id).model_dump(mode="json") for job_id in job_ids]
    out.print(comparison(jobs, metric or _USUAL, boundary=boundary))


def _finished(client: Client, job_id: str) -> JobDetail:
    job = client.retrainings.get(job_id)
    if job.state != "succeeded":
        raise InputError(f"Retraining {job_id} is {job.state}; only finished ones have scores.")
    return job


def comparison(
    jobs: Sequence[Mapping[str, Any]], metrics: Sequence[str] = _USUAL, *, boundary: bool = False
) -> Table:
    """A table of retrainings: scores in percent, the best of each column in bold.

    Args:
        jobs: Finished retrainings.
        metrics: The columns, by name.
        boundary: Show the measures near borders in place of the metrics.

    Raises:
        InputError: They were not trained and scored alike, so the rows would not compare losses; or
            there is no score that all of them have.
    """
    _check_alike([job["request"] for job in jobs])
    runs: dict[str, list[Mapping[str, float]]] = {}
    for job in jobs:
        runs.setdefault(_loss(job["request"]), []).append(job["result"]["metrics"])
    names = _columns([job["result"]["metrics"] for job in jobs], metrics, boundary=boundary)
    means = {
        loss: {name: statistics.fmean(run[name] for run in of_loss) for name in names}
        for loss, of_loss in runs.items()
    }
    best = {name: max(scores[name] for scores in means.values()) for name in names}
    request = jobs[0]["request"]
    table = Table(
        "Loss",
        "Seeds",
        *names,
        title=f"{request['dataset']}, split {request['split']}, in percent",
    )
    for loss, of_loss in runs.items():
        cells = [_cell([run[name] for run in of_loss], best[name]) for name in names]
        table.add_row(loss, str(len(of_loss)), *cells)
    return table


def _columns(
    results: Sequence[Mapping[str, float]], metrics: Sequence[str], *, boundary: bool
) -> list[str]:
    """The wanted metrics, or else the measures near borders, that every retraining has."""
    wanted = [name for name in results[0] if name not in METRICS] if boundary else metrics
    names = [name for name in wanted if all(name in result for result in results)]
    if not names:
        raise InputError("There is no such score that all of these retrainings have.")
    return names


def _loss(request: Mapping[str, Any]) -> str:
    """A loss with its version, a weighted sum with those of its terms."""
    if request["version"] is not None:
        return f"{request['loss']} v{request['version']}"
    versions = ", ".join(f"{name} v{version}" for name, version in request["versions"].items())
    return f"{request['loss']} ({versions})"


def _cell(values: Sequence[float], best: float) -> str:
    mean = statistics.fmean(values)
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    text = f"{100 * mean:.2f}{spread}"
    return f"[bold]{text}[/bold]" if mean == best else text


def _check_alike(requests: Sequence[Mapping[str, Any]]) -> None:
    first = requests[0]
    different = sorted(
        {
            field
            for request in requests
            for field in first.keys() | request.keys()
            if field not in _FREE and first.get(field) != request.get(field)
        }
    )
    if different:
        raise InputError(
            f"These retrainings differ in {', '.join(different)}, so their scores do not compare "
            "losses; retrain with the same settings."
        )
