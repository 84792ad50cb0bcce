"""``lossfit jobs``: list, show, watch, cancel, pause, resume, and fetch a job's files."""

import itertools
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors, say
from api.cli.watching import follow, plain
from api.client.client import Client, ServiceError
from search_service.kinds import KINDS

app = typer.Typer(
    help="Searches, retrainings and trainings of loss networks on the service.",
    no_args_is_help=True,
)

COLLECTIONS = tuple(f"/v1/{kind.path}" for kind in KINDS.values())

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


def find(client: Client, job_id: str) -> str:
    """The path of a job, whatever its kind.

    Raises:
        ServiceError: There is none of that id.
    """
    for collection in COLLECTIONS:
        try:
            client.get(f"{collection}/{job_id}")
        except ServiceError as error:
            if error.status != 404:
                raise
        else:
            return f"{collection}/{job_id}"
    raise ServiceError(f"There is no job {job_id!r}; 'lossfit jobs list' shows them.", 404)


@app.command(name="list")
@plain_errors
def list_jobs(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many of each kind.", min=1)] = 20,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """The newest jobs."""
    with connect(url) as client:
        found = [
            job
            for path in COLLECTIONS
            for job in itertools.islice(client.items(path, state=state), limit)
        ]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Id", "Kind", "State", "What", "Created", "Error")
    for job in found:
        table.add_row(
            job["id"],
            job["kind"],
            job["state"],
            f"{_what(job['request'])} on {job['request']['dataset']}",
            job["created_at"][:19],
            job["error"] or "",
        )
    out.print(table)


@app.command()
@plain_errors
def show(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """One job in full, as JSON."""
    with connect(url) as client:
        out.print_json(json.dumps(client.get(find(client, job_id))))


@app.command()
@plain_errors
def watch(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Follow a job to its end."""
    with connect(url) as client:
        path = find(client, job_id)
        kind = client.get(path)["kind"]
        out.print_json(json.dumps(follow(client, path, kind)["result"]))


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
        body = {"trial": trial, "name": name}
        loss = client.post(f"/v1/searches/{job_id}/publish", body)
    say(f"Trial {trial} is version {loss['version']} of {loss['name']}.")


@app.command()
@plain_errors
def fetch(
    job_id: JobId,
    folder: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path(),
    url: Url = DEFAULT_URL,
) -> None:
    """Download a job's files: figures, tables, weights."""
    with connect(url) as client:
        for path in fetch_files(client, find(client, job_id), folder):
            out.print(str(path), highlight=False, soft_wrap=True)


def fetch_files(client: Client, job: str, folder: Path) -> list[Path]:
    """Download every file of the job at path ``job`` into ``folder``, checked by its digest."""
    found: list[dict[str, Any]] = client.get(f"{job}/artifacts")["items"]
    return [
        client.download(
            f"{job}/artifacts/{one['name']}", folder / Path(one["name"]).name, sha256=one["sha256"]
        )
        for one in found
    ]


def _what(request: dict[str, Any]) -> str:
    """What a job is about, in a few words."""
    if losses := request.get("losses"):
        return f"{len(losses)} losses"
    return str(request.get("metric") or request.get("loss") or plain(request["network"]["kind"]))


def _change(url: str, job_id: str, action: str) -> None:
    with connect(url) as client:
        job = client.post(f"{find(client, job_id)}/{action}")
    say(f"The {job['kind']} {job['id']} is {job['state']}.")
