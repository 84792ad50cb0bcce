"""``lossfit serve`` and ``lossfit worker``: the processes of the service."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output.console import plain_errors
from api.cli.serving.roles import Role, ray_node


@plain_errors
def serve(
    role: Annotated[
        Role, typer.Option(help="What this process runs; `all` is a service on one machine.")
    ] = "all",
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the database and the artifacts.")
    ] = None,
) -> None:
    """Run the service: the API, the controller, and on one machine a local Ray."""
    from api.cli.serving import processes

    processes.run(role, {"HOST": host, "PORT": port, "HOME": home and home.absolute()})


@plain_errors
def worker(
    address: Annotated[
        str, typer.Option(envvar="LOSSFIT_RAY_ADDRESS", help="HOST:PORT of the Ray head.")
    ],
    cpus: Annotated[int | None, typer.Option(help="CPU cores to offer; all by default.")] = None,
    gpus: Annotated[int | None, typer.Option(help="GPUs to offer; all by default.")] = None,
) -> None:
    """Offer this machine's GPUs and cores to a Ray cluster, until stopped."""
    os.execv(sys.executable, [sys.executable, "-m", *ray_node(address, cpus=cpus, gpus=gpus)])  # noqa: S606
