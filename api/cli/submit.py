"""Submits a job and watches it unless told otherwise: ``lossfit search``, ``retrain``, ``comparison``."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.cli.console import DEFAULT_URL, Assignments, Url, assigned, connect, out, plain_errors, say
from api.cli.watching import follow
from api.client.jobs import Jobs

Detach = Annotated[bool, typer.Option("--detach", help="Do not wait; print the job's id.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency key: the same key and request make one job."),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]


@plain_errors
def search(
    metric: Annotated[str, typer.Argument(help="What to search for, e.g. miou, or miou+bf1.")],
    dataset: Annotated[str, typer.Argument(help="A registered dataset.")] = "shapes",
    *,
    preset: Annotated[
        str, typer.Option(help="released and paper are for GPUs; quick takes minutes on two cores.")
    ] = "released",
    name: Annotated[
        str | None, typer.Option(help="Name of the loss; asl-METRIC-DATASET by default.")
    ] = None,
    seed: Seed = 0,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Search the loss that fits METRIC on DATASET."""
    body: dict[str, Any] = {"metric": metric, "dataset": dataset, "preset": preset, "seed": seed}
    body |= {"name": name} if name else {}
    with connect(url) as client:
        title = f"search {metric} on {dataset}"
        body = assigned(body, assignments)
        run(client.searches, body, key=key, detach=detach, title=title)


@plain_errors
def retrain(
    loss: Annotated[
        str,
        typer.Argument(help="A loss of the zoo, or a sum such as '0.5*cross-entropy+0.5*dice'."),
    ],
    dataset: Annotated[str, typer.Argument(help="A registered dataset.")] = "shapes",
    *,
    version: Annotated[
        int | None, typer.Option(help="A single loss's version; the newest by default.")
    ] = None,
    seed: Seed = 0,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Train a network on DATASET with LOSS, and score it on images that no search has seen.

    What LOSS needs, such as an edge network, is found or trained first.
    """
    body: dict[str, Any] = {"loss": loss, "dataset": dataset, "seed": seed}
    body |= {"version": version} if version else {}
    with connect(url) as client:
        title = f"retrain with {loss} on {dataset}"
        body = assigned(body, assignments)
        run(client.retrainings, body, key=key, detach=detach, title=title)


@plain_errors
def comparison(
    losses: Annotated[
        list[str], typer.Argument(help="Losses of the zoo, or sums of them.", metavar="LOSS...")
    ],
    *,
    dataset: Annotated[str, typer.Option(help="A registered dataset.")] = "shapes",
    seeds: Annotated[int, typer.Option(help="Trainings of every loss.", min=1)] = 3,
    rate: Annotated[
        list[float] | None,
        typer.Option(help="A learning rate to try, repeatable; every loss takes its best."),
    ] = None,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Train with every LOSS alike over several seeds; a table, tests, figures and a report."""
    body: dict[str, Any] = {"losses": losses, "dataset": dataset, "seeds": seeds}
    body |= {"learning_rates": rate} if rate else {}
    with connect(url) as client:
        title = f"compare {len(losses)} losses on {dataset}"
        body = assigned(body, assignments)
        run(client.comparisons, body, key=key, detach=detach, title=title)


def run(
    jobs: Jobs[Any],
    body: Mapping[str, object],
    *,
    key: str | None,
    detach: bool,
    title: str,
) -> None:
    """Submit a request and follow its job to the end, or print the job's id with ``detach``."""
    job = jobs.submit(body, key=key)
    if detach:
        out.print(job.id, highlight=False)
        return
    try:
        finished = follow(jobs, job.id, title)
    except KeyboardInterrupt:
        say(f"The job goes on; look again with: lossfit jobs watch {job.id}")
        raise typer.Exit(130) from None
    out.print_json(json.dumps({"id": finished.id, "result": finished.result}))
