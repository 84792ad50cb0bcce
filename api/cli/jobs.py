"""``lossfit jobs``: list, show, watch, annotate, steer and delete jobs, fetch their files."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli import completion
from api.cli.annotations import NewNote, NewTags, NoTags, told
from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    duration,
    moment,
    out,
    plain_errors,
    print_json,
    print_table,
    say,
)
from search_service.store.states import STATES, State

if TYPE_CHECKING:
    from api.overview_schemas import JobSummary

app = typer.Typer(
    help="Searches, retrainings, comparisons and trainings of loss networks on the service.",
    no_args_is_help=True,
)

JobId = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="The job's id, or how it begins.", autocompletion=completion.jobs
    ),
]


@app.command(name="list")
@plain_errors
def list_jobs(
    text: Annotated[
        str,
        typer.Argument(
            metavar="[TEXT]",
            help="What ids begin with, or datasets, metrics, losses, names, notes or tags contain.",
        ),
    ] = "",
    *,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only jobs with this tag; repeated, with all of them."),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"Only jobs in this state: {', '.join(STATES)}."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only jobs of this kind: search, retraining, comparison.")
    ] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 20,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """The newest jobs of every kind, and how each stands."""
    with connect(url) as client:
        kinds, states = [kind] if kind else None, [state] if state else None
        newest = client.overview(
            kinds=kinds,
            states=states,
            tags=tag,
            text=text or None,
            page_size=min(limit, 500),
        )
        jobs = list(islice(newest, limit))
    if as_json:
        print_json(jobs)
        return
    _print_list(jobs)


def _print_list(jobs: list["JobSummary"]) -> None:
    """Print a job a row, and below the table why those wait or failed that did."""
    columns: dict[str, list[str]] = {
        "Id": [job.id for job in jobs],
        "What": [f"{job.kind} {job.about}" for job in jobs],
        "State": [job.state for job in jobs],
        "Done": [_progress(job) for job in jobs],
        "Score": [job.score for job in jobs],
        "Tags": [", ".join(job.tags) for job in jobs],
        "Took": [_lasted(job) for job in jobs],
        "Created": [moment(job.created_at) for job in jobs],
    }
    if not any(columns["Tags"]):
        del columns["Tags"]
    prose = ("What", "Score", "Tags", "Created")
    rows = list(zip(*columns.values(), strict=True))
    print_table(list(columns), rows, prose=prose, empty="There are no such jobs.")
    for job in jobs:
        if job.headline and job.state != "succeeded":
            line = f"{job.id}: {job.headline}"
            out.print(line, highlight=False, markup=False, soft_wrap=True)


def _progress(job: "JobSummary") -> str:
    """How far a job is that is not over."""
    progress = job.progress or {}
    total = progress.get("total")
    return f"{progress['done']}/{total}" if total else ""


def _lasted(job: "JobSummary") -> str:
    """How long a job runs, or ran."""
    if job.started_at is None:
        return ""
    return duration(job.running_seconds)


@app.command()
@plain_errors
def show(job_id: JobId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """The answer of a job that has succeeded; of any other how it stands."""
    from api.cli.output.endings import print_ending, print_standing

    with connect(url) as client:
        _, job = client.find(job_id)
        if as_json:
            print_json(job)
        elif job.state == "succeeded":
            print_ending(client, job)
        else:
            print_standing(job)


@app.command()
@plain_errors
def watch(job_id: JobId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """Follow a job to its end, and print its answer."""
    from api.cli.output.endings import print_ending
    from api.cli.output.watching import follow
    from api.cli.submit import print_result

    with connect(url) as client:
        collection, job = client.find(job_id)
        ended = follow(collection, job.id, f"{job.kind} {job.about}")
        if as_json:
            print_result(ended)
        else:
            print_ending(client, ended)


@app.command()
@plain_errors
def log(job_id: JobId, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """What happened to a job: begin, stages, failures, end."""
    with connect(url) as client:
        entries = list(client.searches.log(client.id_of(job_id)))
    if as_json:
        print_json(entries)
        return
    rows = [(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.level, entry.message) for entry in entries]
    print_table(("At", "Level", "What"), rows, prose=("What",), empty="Nothing happened to it yet.")


@app.command()
@plain_errors
def annotate(
    job_id: JobId,
    *,
    tag: NewTags = None,
    note: NewNote = None,
    no_tags: NoTags = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Write tags and a note to a job, to find it again."""
    with connect(url) as client:
        tags = [] if no_tags else tag
        job = client.searches.annotate(client.id_of(job_id), note=note, tags=tags)
    say(f"The {job.kind} {job.id} has {told(job.tags, job.note)}.")


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
        job_id = client.id_of(job_id)
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
        jobs, found = client.find(job_id)
        actions = {"cancel": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume}
        job = actions[action](found.id)
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
        job = client.searches.extend(client.id_of(job_id), trials)
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
        loss = client.searches.publish(client.id_of(job_id), trial, name)
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
        jobs, job = client.find(job_id)
        for path in jobs.download_all(job.id, folder):
            out.print(str(path), highlight=False, soft_wrap=True)
