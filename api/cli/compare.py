"""``lossfit compare``: losses in one table, trained alike for it or finished before."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import completion
from api.cli.assignments import Assignments, assigned
from api.cli.output.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors
from api.cli.submit import Detach, Key, RetrainingPreset, finish, print_result
from surrogate_zoo.errors import InputError

if TYPE_CHECKING:
    from api.client.client import Client
    from api.job_schemas import JobDetail

_METRIC = "miou"

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="LOSS...",
        help="Losses of the zoo, or sums of them; ids of jobs, or how they begin, with --jobs.",
        autocompletion=completion.losses,
    ),
]
Jobs = Annotated[
    bool, typer.Option("--jobs", help="Train nothing: compare retrainings that are finished.")
]
Dataset = Annotated[
    str | None,
    typer.Option(
        help="A registered dataset.", show_default="shapes", autocompletion=completion.datasets
    ),
]
Seeds = Annotated[
    int | None, typer.Option(help="Trainings of every loss.", min=1, show_default="3")
]
Rates = Annotated[
    list[float] | None,
    typer.Option(
        "--rate",
        help="A learning rate to try, repeatable. Every loss takes its best, and tries more where "
        "that is the lowest or the highest.",
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        help="A metric to show, repeatable; losses are ranked by the first. The usual ones, and miou, "
        "if none. See `metrics`.",
    ),
]
Boundary = Annotated[
    bool,
    typer.Option(
        "--boundary", help="Show the measures near borders, mBA and mIoU in and off trimaps."
    ),
]


@plain_errors
def compare(
    names: Names,
    *,
    jobs: Jobs = False,
    dataset: Dataset = None,
    seeds: Seeds = None,
    rates: Rates = None,
    preset: RetrainingPreset = None,
    metrics: Metrics = None,
    boundary: Boundary = False,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Compare losses: train with every LOSS alike over several seeds; a table, tests and a report.

    With --jobs, the same table of retrainings that are finished already.
    """
    shown = metrics or []
    with connect(url) as client:
        if jobs:
            options = {"--dataset": dataset, "--seeds": seeds, "--rate": rates, "--preset": preset}
            _refuse(options | {"--set": assignments, "--key": key, "--detach": detach})
            _show_retrained(client, names, shown, boundary=boundary, as_json=as_json)
            return
        body: dict[str, Any] = {"losses": names, "dataset": dataset or "shapes"}
        optional = {"seeds": seeds, "learning_rates": rates, "metric": next(iter(shown), None)}
        optional |= {"preset": preset}
        body |= {field: value for field, value in optional.items() if value is not None}
        body = assigned(body, assignments)
        title = f"compare {len(names)} losses on {body['dataset']}"
        job = finish(client, client.comparisons, body, key=key, detach=detach, title=title)
        if job is not None and as_json:
            print_result(job)
        elif job is not None:
            from api.cli.output.endings import print_ending

            print_ending(client, job, shown, boundary=boundary)


def _refuse(options: Mapping[str, object]) -> None:
    """Refuse options of a new comparison beside --jobs."""
    if surplus := [name for name, value in options.items() if value]:
        raise InputError(
            f"{', '.join(surplus)} would change a new comparison, and --jobs reads retrainings that "
            "are finished: leave one or the other out."
        )


def _show_retrained(
    client: "Client",
    job_ids: Sequence[str],
    metrics: Sequence[str],
    *,
    boundary: bool,
    as_json: bool,
) -> None:
    from api.cli.output.comparison_tables import print_results
    from search_service.comparisons.content import content_of
    from search_service.comparisons.retrained import results_of_retrainings

    whole = dict.fromkeys(client.id_of(job_id) for job_id in job_ids)
    jobs = [_finished(client, job_id) for job_id in whole]
    bodies = [job.model_dump(mode="json") for job in jobs]
    results = results_of_retrainings(bodies, next(iter(metrics), _METRIC))
    if as_json:
        out.print_json(json.dumps(content_of(results)))
    else:
        request = jobs[0].request
        what = f"{request['dataset']}, split {request['split']}"
        print_results(out, results, what, metrics, boundary=boundary)


def _finished(client: "Client", job_id: str) -> "JobDetail":
    job = client.retrainings.get(job_id)
    if job.state != "succeeded":
        raise InputError(f"Retraining {job_id} is {job.state}; only finished ones have scores.")
    return job
