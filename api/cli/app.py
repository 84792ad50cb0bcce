"""The command line ``lossfit``: the service's processes, and a client of its REST interface."""

from typing import Annotated

import typer

from api.cli import (
    compare,
    curve_families,
    datasets,
    fields,
    jobs,
    loss_aliases,
    loss_exchange,
    loss_networks,
    losses,
    metrics,
    networks,
    quickstart,
    samplers,
    submit,
    trials,
    workers,
)
from api.cli.output.console import out
from api.cli.serving import backups, clean, serve, tokens

app = typer.Typer(
    name="lossfit",
    help="Search the training loss that fits a segmentation metric, and train with it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a local variable may hold the token
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        out.print(f"lossfit {version('lossfit')}", highlight=False)
        raise typer.Exit


@app.callback()
def _lossfit(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    pass


app.command()(serve.serve)
app.command()(serve.worker)
app.command()(quickstart.quickstart)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(clean.clean)
app.command()(workers.workers)
app.command()(submit.search)
app.command()(submit.retrain)
app.command()(compare.compare)
app.command()(metrics.metrics)
app.command()(curve_families.curve_families)
app.command()(samplers.samplers)
app.command()(networks.networks)
app.command()(fields.fields)
losses.app.add_typer(loss_exchange.app)
losses.app.add_typer(loss_aliases.app)
app.add_typer(losses.app, name="losses")
app.add_typer(loss_networks.app, name="loss-networks")
app.add_typer(datasets.app, name="datasets")
app.add_typer(jobs.app, name="jobs")
app.add_typer(trials.app, name="trials")
app.add_typer(tokens.app, name="tokens")
