"""Collections of jobs: one class for the life cycle that all share, and what two kinds have beside."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from api.catalogue_schemas import LossView
from api.client.addresses import segment
from api.client.downloads import download
from api.client.errors import JobError, JobTimeoutError, ServiceError
from api.client.events import follow
from api.client.named_file import NamedFile
from api.client.transport import Transport
from api.client.trials import Trials
from api.comparison_schemas import Cells, TableView
from api.event_schemas import JobEvent
from api.job_schemas import ArtifactView, JobDetail, JobView, LogEntryView
from api.overview_schemas import AnswerView
from api.schemas import Items, NumberedPage, Page
from api.trial_schemas import Asked, Prolonged, Reported, Told, TrialDetail, TrialView
from search_service.comparisons.request import ComparisonRequest
from search_service.deletion import Deletion
from search_service.jobs.estimate import Estimate
from search_service.searches.request import SearchRequest
from search_service.store.states import State

Request = TypeVar("Request", bound=BaseModel)


class Jobs(Generic[Request]):
    """The jobs of one kind.

    All methods raise :class:`~api.client.errors.ServiceError` where the service refuses or cannot be
    reached, with status 404 for a job that it does not have.

    Args:
        transport: The service.
        path: Where the collection is.
    """

    def __init__(self, transport: Transport, path: str) -> None:
        self.path = path
        self._transport = transport

    def submit(
        self,
        request: Request | Mapping[str, object] | None = None,
        /,
        *,
        key: str | None = None,
        **fields: object,
    ) -> JobView:
        """Ask for a job; it starts when its turn comes.

        Args:
            request: The request, or fields of it; the service fills in what is left out.
            key: Idempotency key: the same key and request make one job.
            fields: Fields of the request, in place of those in ``request``.

        Raises:
            InputError: They cannot be sent.
        """
        body = {**_fields_of(request), **fields}
        return self._transport.post(JobView, self.path, body, key=key)

    def estimate(
        self, request: Request | Mapping[str, object] | None = None, /, **fields: object
    ) -> Estimate:
        """What a job would cost; arguments as of :meth:`submit`, and nothing is submitted."""
        body = {**_fields_of(request), **fields}
        return self._transport.post(Estimate, f"{self.path}?dry_run=true", body)

    def get(self, job_id: str) -> JobDetail:
        """One job: what was asked for, how far it is, what came out."""
        return self._transport.read(JobDetail, self._of(job_id))

    def list(self, *, state: State | None = None, page_size: int = 50) -> Iterator[JobView]:
        """The jobs, the newest first; fetched page by page, as they are asked for.

        Args:
            state: Only those in this state.
            page_size: Jobs a request, 500 at most.
        """
        return self._transport.pages(Page[JobView], self.path, state=state, limit=page_size)

    def cancel(self, job_id: str) -> JobView:
        """Stop a job for good; what it has recorded stays."""
        return self._transport.post(JobView, f"{self._of(job_id)}/cancel")

    def pause(self, job_id: str) -> JobView:
        """Stop a job until it is resumed."""
        return self._transport.post(JobView, f"{self._of(job_id)}/pause")

    def resume(self, job_id: str) -> JobView:
        """Let a paused job go on where it was."""
        return self._transport.post(JobView, f"{self._of(job_id)}/resume")

    def log(self, job_id: str, *, page_size: int = 100) -> Iterator[LogEntryView]:
        """What happened to a job, a sentence each, the oldest first; fetched page by page."""
        path = f"/v1/jobs/{segment(job_id)}/log"
        return self._transport.pages(NumberedPage[LogEntryView], path, limit=page_size)

    def annotate(
        self, job_id: str, *, note: str | None = None, tags: Sequence[str] | None = None
    ) -> JobDetail:
        """Write a note and tags to a job, in place of those that it has.

        Args:
            job_id: The job.
            note: What is to be remembered of it; an empty one removes the note, None leaves it.
            tags: Words to find it by; an empty list removes them, None leaves them.
        """
        path, body = f"/v1/jobs/{segment(job_id)}/annotate", {"note": note, "tags": tags}
        return self._transport.post(JobDetail, path, body)

    def delete(self, job_id: str, *, dry_run: bool = False) -> Deletion:
        """Delete a job that is over, with its trials, events and files.

        Args:
            job_id: The job.
            dry_run: Tell what would go, and delete nothing.
        """
        return self._transport.delete(Deletion, f"/v1/jobs/{segment(job_id)}", dry_run=dry_run)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """What happens to a job, as it happens, until it is finished.

        Restarts of the service are waited out for a minute; no event is lost or comes twice.

        Args:
            job_id: The job.
            after: Number of the last event that the caller has.
        """
        return follow(self._transport, f"{self._of(job_id)}/events", after=after)

    def wait(
        self,
        job_id: str,
        on_event: Callable[[JobEvent], None] | None = None,
        timeout: float | None = None,
    ) -> JobDetail:
        """Wait until a job is finished; a paused one is waited for too.

        Args:
            job_id: The job.
            on_event: Told every event of the job, from its first on.
            timeout: Seconds to wait, and at most 5 more; None waits as long as it takes.

        Returns:
            The job, succeeded.

        Raises:
            JobError: It failed or was cancelled.
            JobTimeoutError: It is not finished in time; it goes on.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        path = self._of(job_id)
        try:
            for event in follow(self._transport, f"{path}/events", deadline=deadline):
                if on_event is not None:
                    on_event(event)
        except TimeoutError as error:
            raise JobTimeoutError(
                f"Job {job_id} is not finished after {timeout:g} s; it goes on."
            ) from error
        job = self.get(job_id)
        if job.state != "succeeded":
            raise JobError(job)
        return job

    def artifacts(self, job_id: str) -> Sequence[ArtifactView]:
        """The files that a job left behind."""
        return self._transport.read(Items[ArtifactView], f"{self._of(job_id)}/artifacts").items

    def download(self, job_id: str, name: str, folder: Path) -> Path:
        """Fetch one of a job's files into a folder; goes on where an earlier download broke off.

        Raises:
            StorageError: It cannot be written there.
        """
        for artifact in self.artifacts(job_id):
            if artifact.name == name:
                return self._fetch(job_id, artifact, folder)
        raise ServiceError(f"Job {job_id} has no file {name!r}.", 404)

    def download_all(self, job_id: str, folder: Path) -> Sequence[Path]:
        """Fetch all of a job's files, as :meth:`download` does; those that are there are not again."""
        return [self._fetch(job_id, artifact, folder) for artifact in self.artifacts(job_id)]

    def _fetch(self, job_id: str, artifact: ArtifactView, folder: Path) -> Path:
        path = f"{self._of(job_id)}/artifacts/{segment(artifact.name)}"
        target = folder / Path(artifact.name).name
        return download(self._transport, path, target, sha256=artifact.sha256)

    def _of(self, job_id: str) -> str:
        return f"{self.path}/{segment(job_id)}"


def _fields_of(request: BaseModel | Mapping[str, object] | None) -> Mapping[str, object]:
    """The fields that were given: the service fills in the others, as far as it can tell better."""
    if isinstance(request, BaseModel):
        return request.model_dump(mode="json", exclude_unset=True)
    return request or {}


class Searches(Jobs[SearchRequest]):
    """The searches, with their trials."""

    def trials(self, job_id: str, *, page_size: int = 100) -> Iterator[TrialView]:
        """The candidates that are scored, by number; fetched page by page."""
        path = f"{self._of(job_id)}/trials"
        return self._transport.pages(NumberedPage[TrialView], path, limit=page_size)

    def trial(self, job_id: str, number: int) -> TrialDetail:
        """One candidate, with the curve of its training loss and what else was trained for it."""
        return self._transport.read(TrialDetail, f"{self._of(job_id)}/trials/{number}")

    def answers(self, job_id: str) -> Sequence[AnswerView]:
        """What it answers, one for each of its metrics: the loss to use, and how sure that is."""
        return self._transport.read(Items[AnswerView], f"{self._of(job_id)}/answers").items

    def ask(
        self, job_id: str, *, count: int = 1, lease_s: float = 300.0, worker: str = ""
    ) -> Asked:
        """Trials of a search with trainer ``external``, once; :meth:`train` keeps their leases alive.

        Args:
            job_id: The search.
            count: How many at most.
            lease_s: Seconds after the last sign of life after which a trial is handed out again.
            worker: What the worker calls itself.
        """
        body = {"count": count, "lease_seconds": lease_s, "worker": worker}
        return self._transport.post(Asked, f"{self._of(job_id)}/ask", body)

    def heartbeat(self, job_id: str, lease: str) -> Prolonged:
        """Prolong a lease."""
        return self._transport.post(Prolonged, f"{self._of(job_id)}/heartbeat", {"lease": lease})

    def report(self, job_id: str, lease: str, step: int, metrics: Mapping[str, float]) -> Reported:
        """Tell how a trial does on the way; the answer says whether it is over as one of the worst."""
        body = {"lease": lease, "step": step, "metrics": metrics}
        return self._transport.post(Reported, f"{self._of(job_id)}/report", body)

    def tell(
        self,
        job_id: str,
        lease: str,
        score: float | None = None,
        *,
        metrics: Mapping[str, float] | None = None,
        error: str | None = None,
    ) -> Told:
        """Tell what became of a trial: a score, metrics by name, or why it failed."""
        body = {"lease": lease, "score": score, "metrics": metrics or {}, "error": error}
        return self._transport.post(Told, f"{self._of(job_id)}/tell", body)

    def train(self, job_id: str, *, lease_s: float = 300.0, worker: str | None = None) -> Trials:
        """The trials of a search with trainer ``external``, for this program to train.

        Args:
            job_id: The search.
            lease_s: Seconds without a sign of life after which a trial is handed to another program;
                heartbeats are sent from a thread.
            worker: What this program calls itself; host and process id if not given.
        """
        path = self._of(job_id)
        return Trials(self._transport, path, job_id, lease_s=lease_s, worker=worker)

    def extend(self, job_id: str, trials: int) -> JobView:
        """Let a search that has succeeded go on with so many more trials."""
        return self._transport.post(JobView, f"{self._of(job_id)}/extend", {"trials": trials})

    def publish(self, job_id: str, trial: int, name: str) -> LossView:
        """Publish a trial of a search that is over; the same trial and name give the same version."""
        fields = {"trial": trial, "name": name}
        return self._transport.post(LossView, f"{self._of(job_id)}/publish", fields)


class Comparisons(Jobs[ComparisonRequest]):
    """The comparisons, with their cells."""

    def cells(self, job_id: str) -> Cells:
        """The retrainings that are finished so far, and how many there will be."""
        return self._transport.read(Cells, f"{self._of(job_id)}/cells")

    def table(
        self, job_id: str, *, score: str | None = None, losses: Sequence[str] | None = None
    ) -> Sequence[TableView]:
        """The table of what is finished so far, one for each network.

        Args:
            job_id: The comparison.
            score: What ranks the losses; None takes the metric that was asked for.
            losses: Those to compare; None takes all.
        """
        path = f"{self._of(job_id)}/table"
        return self._transport.read(Items[TableView], path, score=score, loss=losses).items

    def export(
        self,
        job_id: str,
        form: Literal["markdown", "latex", "csv"] = "markdown",
        *,
        score: str | None = None,
        losses: Sequence[str] | None = None,
    ) -> NamedFile:
        """The table as a file; arguments as of :meth:`table`."""
        path = f"{self._of(job_id)}/table/export"
        return self._transport.file(path, score=score, loss=losses, format=form)
