"""What a command that ends says of a job: its answer as a table, the next step, the job's id."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.cli.output.answer_tables import print_answers
from api.cli.output.comparison_tables import print_results
from api.cli.output.console import duration, moment, out, print_table, tell
from api.cli.output.dataset_tables import print_report
from api.client.client import Client
from api.job_schemas import JobDetail
from search_service.comparisons.content import results_from
from search_service.comparisons.results import Results
from surrogate_zoo.metrics.titles import heading_of, scores_in, unit_of

_WAY = " · "
"""Between a loss and a way to make objects."""


def print_ending(
    client: Client, job: JobDetail, metrics: Sequence[str] = (), *, boundary: bool = False
) -> None:
    """Print what a job answers that has succeeded, what to do next, and its id.

    Args:
        client: The service.
        job: The job.
        metrics: Of a comparison, the scores to show; none takes the usual ones.
        boundary: Of a comparison, show the measures near borders.
    """
    result = job.result or {}
    match job.kind:
        case "search":
            print_answers(job.id, result)
        case "retraining":
            _print_retraining(job, result)
        case "comparison":
            _print_comparison(client, job, metrics, boundary=boundary)
        case "loss-network":
            _print_loss_network(job, result)
        case "registration":
            name = str(job.request["name"])
            print_report(name, client.datasets.get(name).report)
    if job.started_at is not None and job.finished_at is not None:
        tell("Took", duration(job.running_seconds))
    _tell_annotations(job)
    tell("Job", job.id)


def print_standing(job: JobDetail) -> None:
    """Print how a job stands that has no answer: it waits, runs, or ended without."""
    tell("Job", job.id)
    tell("What", f"{job.kind} {job.about}".strip())
    waits = "" if job.waiting is None else f", place {job.waiting.position}: {job.waiting.reason}"
    tell("State", f"{job.state}{waits}")
    if job.progress.get("total"):
        tell("Done", f"{job.progress['done']} of {job.progress['total']}")
    if job.error:
        tell("Why", job.error)
    tell("Created", f"{moment(job.created_at)} by {job.owner}")
    _tell_annotations(job)
    watch = "log" if job.state in {"failed", "cancelled"} else "watch"
    tell("Next", f"lossfit jobs {watch} {job.id}")


def _tell_annotations(job: JobDetail) -> None:
    """Print what people wrote to a job."""
    for name, told in (("Tags", ", ".join(job.tags)), ("Note", job.note)):
        if told:
            tell(name, told)


def _print_retraining(job: JobDetail, result: Mapping[str, Any]) -> None:
    scores = result["metrics"]
    rows = [
        (heading_of(name), unit_of(name).text(scores[name]))
        for name in scores_in(scores)
        if scores[name] is not None
    ]
    version = "" if result.get("version") is None else f" v{result['version']}"
    request = job.request
    out.print(
        f"{result['loss']}{version} on {request['dataset']}, split {request['split']}",
        highlight=False,
        markup=False,
    )
    print_table(("Score", "Percent or objects"), rows, empty="It has no scores.")
    tell("Beside another", f"lossfit compare --jobs {job.id} JOB")
    tell("Weights, images", f"lossfit jobs fetch {job.id}")


def _print_comparison(
    client: Client, job: JobDetail, metrics: Sequence[str], *, boundary: bool
) -> None:
    results = _results_of(client, job)
    what = f"{job.request['dataset']}, split {job.request['split']}"
    print_results(out, results, what, metrics, boundary=boundary)
    tell("Tables, figures", f"lossfit jobs fetch {job.id}")
    ranked = [row["loss"] for row in (job.result or {})["networks"][0]["losses"] if row["mean"]]
    if ranked:
        best = str(ranked[0]).partition(_WAY)[0]
        tell("Train with", f"lossfit retrain '{best}' {job.request['dataset']}")


def _print_loss_network(job: JobDetail, result: Mapping[str, Any]) -> None:
    measures = result.get("measures") or {}
    rows = [(name.replace("_", " "), f"{value:.4g}") for name, value in measures.items()]
    print_table(("On held-out masks", "Value"), rows, empty="Nothing was measured of it.")
    tell("SHA-256", str(result.get("sha256")))
    kind, dataset = str(job.request["network"]["kind"]), job.request["dataset"]
    tell("Download it", f"lossfit loss-networks download {kind.removesuffix('_network')} {dataset}")


def _results_of(client: Client, job: JobDetail) -> Results:
    """The results of a finished comparison, from its file for machines."""
    with TemporaryDirectory() as folder:
        path = client.comparisons.download(job.id, "comparison.json", Path(folder))
        return results_from(json.loads(path.read_text(encoding="utf-8")))
