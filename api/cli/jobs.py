"""``lossfit jobs``: list, show, watch, log, cancel, pause, resume, extend, delete, fetch a job's files."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli.answer_tables import print_answers
from api.cli.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    moment,
    out,
    plain_errors,
    print_json,
    print_table,
    say,
)
from api.cli.watching import follow, plain
from api.job_schemas import JobView
from search_service.store.states import STATES, State

app = typer.Typer(
    help="Searches, retrainings, comparisons and trainings of loss networks on the service.",
    no_args_is_help=True,
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


@app.command(name="list")
@plain_errors
def list_jobs(
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"Only jobs in this state: {', '.join(STATES)}."),
    ] = None,
    limit: Annotated[int, typer.Option(help="The newest so many of each kind.", min=1)] = 20,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """The newest jobs."""
    with connect(url) as client:
        newest = (
            itertools.islice(collection.list(state=state, page_size=min(limit, 500)), limit)
            for collection in client.jobs
        )
        jobs = sorted(
            itertools.chain.from_iterable(newest), key=lambda job: job.created_at, reverse=True
        )
    if as_json:
        print_json(jobs)
        return
    rows = [
        (job.id, f"{job.kind} {_subject(job.request)}", _state(job), moment(job.created_at))
        for job in jobs
    ]
    columns = ("Id", "What", "State", "Created")
    print_table(columns, rows, prose=("What", "Created"), empty="There are no such jobs.")
    for job in jobs:
        told = job.error or (job.waiting and job.waiting.reason)
        if told:
            out.print(f"{job.id}: {told}", highlight=False, markup=False, soft_wrap=True)


def _state(job: JobView) -> str:
    return job.state if job.waiting is None else f"{job.state}, {job.waiting.position}."


def _subject(request: Mapping[str, Any]) -> str:
    """What a job is about, in a few words."""
    if "source" in request:
        return str(request["name"])
    return f"{_sought(request)} on {request['dataset']}"


def _sought(request: Mapping[str, Any]) -> str:
    if losses := request.get("losses"):
        return f"{len(losses)} losses"
    if metrics := request.get("metrics"):
        return ",".join(metrics)
    return str(request.get("metric") or request.get("loss") or plain(request["network"]["kind"]))


@app.command()
@plain_errors
def show(job_id: JobId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """The answer of a search that has succeeded; any other job in full, as JSON."""
    with connect(url) as client:
        _, job = client.find(job_id)
    if job.kind == "search" and job.result is not None and not as_json:
        print_answers(job.id, job.result)
    else:
        print_json(job)


@app.command()
@plain_errors
def watch(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Follow a job to its end."""
    with connect(url) as client:
        collection, job = client.find(job_id)
        out.print_json(json.dumps(follow(collection, job_id, job.kind).result))


@app.command()
@plain_errors
def log(job_id: JobId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """What happened to a job: begin, stages, failures, end."""
    with connect(url) as client:
        entries = list(client.searches.log(job_id))
    if as_json:
        print_json(entries)
        return
    rows = [(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.level, entry.message) for entry in entries]
    print_table(("At", "Level", "What"), rows, prose=("What",), empty="Nothing happened to it yet.")


@app.command()
@plain_errors
def delete(
    job_id: JobId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and delete nothing.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Delete a job that is over, with its trials and files; losses that it published stay."""
    with connect(url) as client:
        gone = client.searches.delete(job_id, dry_run=dry_run)
    would = "would be" if gone.dry_run else "is"
    say(f"{job_id} with {gone.files} files ({gone.bytes / 1e6:,.1f} MB) {would} deleted.")


@app.command()
@plain_errors
def cancel(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Stop a job for good; what it has recorded stays."""
    _change(url, job_id, "cancel")


@app.command()
@plain_errors
def pause(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Stop a job until it is resumed."""
    _change(url, job_id, "pause")


@app.command()
@plain_errors
def resume(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Let a paused job go on where it was."""
    _change(url, job_id, "resume")


def _change(url: str, job_id: str, action: Literal["cancel", "pause", "resume"]) -> None:
    with connect(url) as client:
        jobs, _ = client.find(job_id)
        actions = {"cancel": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume}
        job = actions[action](job_id)
    say(f"The {job.kind} {job.id} is {job.state}.")


@app.command()
@plain_errors
def extend(
    job_id: JobId,
    trials: Annotated[int, typer.Argument(help="So many more trials.", min=1)],
    url: Url = DEFAULT_URL,
) -> None:
    """Let a search that has succeeded go on, as if it had been asked for more trials at once."""
    with connect(url) as client:
        job = client.searches.extend(job_id, trials)
    say(f"The search {job.id} is {job.state} and goes on with {trials} more trials.")


@app.command()
@plain_errors
def publish(
    job_id: JobId,
    trial: Annotated[int, typer.Argument(help="The trial's number.", min=0)],
    name: Annotated[str, typer.Argument(help="Name of the loss in the zoo.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Publish a trial of a search that is over, such as one of its front."""
    with connect(url) as client:
        loss = client.searches.publish(job_id, trial, name)
    say(f"Trial {trial} is version {loss.version} of {loss.name}.")


@app.command()
@plain_errors
def fetch(
    job_id: JobId,
    folder: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path(),
    url: Url = DEFAULT_URL,
) -> None:
    """Download a job's files (figures, tables, weights); goes on where it was broken off."""
    with connect(url) as client:
        jobs, _ = client.find(job_id)
        for path in jobs.download_all(job_id, folder):
            out.print(str(path), highlight=False, soft_wrap=True)
