"""Submits a job and watches it unless told otherwise: ``lossfit search``, ``retrain``, ``compare``."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import completion
from api.cli.assignments import Assignments, assigned
from api.cli.output.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors, say
from search_service.searches.external.trainers import Trainer

if TYPE_CHECKING:
    from api.client.client import Client
    from api.client.jobs import Jobs
    from api.job_schemas import JobDetail

Detach = Annotated[bool, typer.Option("--detach", help="Do not wait; print the job's id.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency key: the same key and request make one job."),
]
RetrainingPreset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="Network and schedule: quick takes minutes on two cores, those of papers are for GPUs.",
        autocompletion=completion.presets_of_retrainings,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]


@plain_errors
def search(
    metric: Annotated[
        str,
        typer.Argument(
            help="What to search for: miou, miou+bf1 for one loss for both, miou,bf1 for one for each.",
            autocompletion=completion.metrics,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Argument(
            help="A registered dataset; with --trainer external what your own data is called.",
            show_default="shapes",
            autocompletion=completion.datasets,
        ),
    ] = None,
    *,
    trainer: Annotated[
        Trainer,
        typer.Option(help="Who trains: `external` is your own code, see 'lossfit trials'."),
    ] = "service",
    classes: Annotated[
        int | None, typer.Option(help="Classes of your own data.", min=2, max=255)
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="What is not told: quick takes minutes on two cores, released and paper are for GPUs.",
            autocompletion=completion.presets_of_searches,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the loss; asl-METRIC-DATASET by default.")
    ] = None,
    seed: Seed = 0,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Search the loss that fits METRIC on DATASET, and print the answer.

    With --trainer external your own code trains: the search's id is printed, and 'lossfit trials' or the
    Python client train its trials.
    """
    body: dict[str, Any] = {"seed": seed, "trainer": trainer}
    body |= {"dataset": dataset} if dataset else {}
    body |= {"num_classes": classes} if classes else {}
    if trainer == "service":
        body |= {"dataset": dataset or "shapes"}
    body |= {"preset": preset} if preset else {}
    body |= {"metrics": metric.split(",")} if "," in metric else {"metric": metric}
    body |= {"name": name} if name else {}
    with connect(url) as client:
        title = f"search {metric} on {dataset or 'shapes'}"
        body = _with_whole_ids(client, assigned(body, assignments))
        detach = detach or trainer == "external"
        run(client, client.searches, body, key=key, detach=detach, title=title, as_json=as_json)


def _with_whole_ids(client: "Client", body: dict[str, Any]) -> dict[str, Any]:
    """A search's request with the ids of its priors whole, whose beginnings may be given."""
    for prior in body["priors"] if isinstance(body.get("priors"), list) else ():
        if isinstance(prior, dict) and isinstance(prior.get("search"), str):
            prior["search"] = client.id_of(prior["search"])
    return body


@plain_errors
def retrain(
    loss: Annotated[
        str,
        typer.Argument(
            help="A loss of the zoo, or a sum such as '0.5*cross-entropy+0.5*dice'.",
            autocompletion=completion.losses,
        ),
    ],
    dataset: Annotated[
        str,
        typer.Argument(help="A registered dataset.", autocompletion=completion.datasets),
    ] = "shapes",
    *,
    version: Annotated[
        int | None, typer.Option(help="A single loss's version; the newest by default.")
    ] = None,
    preset: RetrainingPreset = None,
    seed: Seed = 0,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Train a network on DATASET with LOSS, and score it on images that no search has seen.

    What LOSS needs, such as an edge network, is found or trained first.
    """
    body: dict[str, Any] = {"loss": loss, "dataset": dataset, "seed": seed}
    body |= {"version": version} if version else {}
    body |= {"preset": preset} if preset else {}
    with connect(url) as client:
        title = f"retrain with {loss} on {dataset}"
        body = assigned(body, assignments)
        run(client, client.retrainings, body, key=key, detach=detach, title=title, as_json=as_json)


def run(
    client: "Client",
    jobs: "Jobs[Any]",
    body: Mapping[str, object],
    *,
    key: str | None,
    detach: bool,
    title: str,
    as_json: bool,
) -> None:
    """Submit a request and print its answer once its job is over, or the job's id with ``detach``."""
    job = finish(client, jobs, body, key=key, detach=detach, title=title)
    if job is not None and as_json:
        print_result(job)
    elif job is not None:
        from api.cli.output.endings import print_ending

        print_ending(client, job)


def finish(
    client: "Client",
    jobs: "Jobs[Any]",
    body: Mapping[str, object],
    *,
    key: str | None,
    detach: bool,
    title: str,
) -> "JobDetail | None":
    """Submit a request and follow its job to the end.

    Where no worker has a GPU and it will take long, that is said first.

    Returns:
        The finished job; None with ``detach``, which prints the job's id.
    """
    from api.cli.cost import warn_without_gpu
    from api.cli.output.watching import follow
    from api.client.addresses import printable

    if key is not None:
        printable("The key", key)  # before a warning that would then be in vain
    warn_without_gpu(client, jobs, body)
    job = jobs.submit(body, key=key)
    if detach:
        out.print(job.id, highlight=False)
        return None
    say(f"Job {job.id}")
    try:
        return follow(jobs, job.id, title)
    except KeyboardInterrupt:
        say(f"The job goes on; look again with: lossfit jobs watch {job.id}")
        raise typer.Exit(130) from None


def print_result(job: "JobDetail") -> None:
    """Print a finished job's id and result as JSON."""
    out.print_json(json.dumps({"id": job.id, "result": job.result}))
