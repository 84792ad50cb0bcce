"""``lossfit trials``: ask for trials of a search that your own code trains, report and tell."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli import completion
from api.cli.output.console import DEFAULT_URL, Url, connect, plain_errors, print_json, say
from surrogate_zoo.errors import StorageError

app = typer.Typer(
    help="Trials of a search with --trainer external: your own code trains them.",
    no_args_is_help=True,
)

JobId = Annotated[
    str,
    typer.Argument(
        metavar="SEARCH",
        help="The search's id, or how it begins.",
        autocompletion=completion.jobs,
    ),
]
LeaseId = Annotated[str, typer.Argument(metavar="LEASE", help="The trial's lease.")]
Measured = Annotated[
    list[str], typer.Argument(metavar="METRIC=SCORE", help="What was measured: miou=0.71.")
]


@app.command()
@plain_errors
def ask(
    search: JobId,
    loss: Annotated[
        Path | None, typer.Option(help="Where to write the loss file of the trial.")
    ] = None,
    lease: Annotated[
        float, typer.Option(help="Seconds until it is handed out again, unless it is heard of.")
    ] = 3600.0,
    worker: Annotated[str, typer.Option(help="What the worker calls itself.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Take one trial: print its lease, seed and learning rate factor as JSON.

    Without a trial for now it exits with status 3, and with 4 once the search is over.
    """
    with connect(url) as client:
        asked = client.searches.ask(client.id_of(search), lease_s=lease, worker=worker)
    if not asked.items:
        say(f"The search is {asked.state}; there is no trial to train now.")
        raise typer.Exit(4 if asked.over else 3)
    (trial,) = asked.items
    print_json(trial)  # first: whoever has no loss file needs the lease all the more
    if loss is not None:
        from surrogate_zoo.losses.document import dump_loss_file

        try:
            loss.write_text(dump_loss_file(trial.loss), encoding="utf-8")
        except OSError as error:
            raise StorageError(f"Cannot write {loss}: {error.strerror}.") from error


@app.command()
@plain_errors
def heartbeat(search: JobId, lease: LeaseId, url: Url = DEFAULT_URL) -> None:
    """Say that a trial is still being trained."""
    with connect(url) as client:
        print_json(client.searches.heartbeat(client.id_of(search), lease))


@app.command()
@plain_errors
def report(
    search: JobId,
    lease: LeaseId,
    step: Annotated[int, typer.Argument(help="Steps that it is trained for.", min=1)],
    measured: Measured,
    url: Url = DEFAULT_URL,
) -> None:
    """Tell how a trial does on the way; exits with status 3 if it is over as one of the worst."""
    metrics = _metrics(measured)
    with connect(url) as client:
        reported = client.searches.report(client.id_of(search), lease, step, metrics)
    print_json(reported)
    if reported.stop:
        raise typer.Exit(3)


@app.command()
@plain_errors
def tell(
    search: JobId,
    lease: LeaseId,
    measured: Annotated[
        list[str] | None,
        typer.Argument(metavar="METRIC=SCORE", help="What was measured: miou=0.71."),
    ] = None,
    error: Annotated[str | None, typer.Option(help="Why the trial has no score.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Tell what a trial scored, or why it failed."""
    metrics = _metrics(measured or [])
    with connect(url) as client:
        print_json(client.searches.tell(client.id_of(search), lease, metrics=metrics, error=error))


def _metrics(measured: list[str]) -> dict[str, float]:
    """Scores by metric.

    Raises:
        BadParameter: One is not written as ``miou=0.71``.
    """
    metrics: dict[str, float] = {}
    for text in measured:
        name, _, value = text.partition("=")
        try:
            metrics[name] = float(value)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not written as miou=0.71.") from error
    return metrics
