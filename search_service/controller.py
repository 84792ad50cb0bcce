"""The controller: takes queued jobs up and runs them, durably, with dbos.

The database says what is to be done: the API writes a job's row, and the dispatcher here enqueues
what is next (``search_service.jobs.queue``), under an id that follows from the job and its attempt,
so twice is once. dbos starts it and remembers the finished steps of every run; a controller that starts
again continues the runs of the one before it. One controller works on a database at a time.
"""

import logging
import os
import shutil
import sys
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    WorkflowStatusString,
)
from sqlalchemy import and_, make_url, or_, select
from sqlalchemy.exc import DBAPIError

from search_service import logs
from search_service.catalogue.built_in import prepare
from search_service.jobs import ledger, queue
from search_service.jobs.pool import Pool
from search_service.jobs.run import Interrupted, Run, claim, fail, failure_of, requeue, settle
from search_service.kinds import KINDS
from search_service.metering import Meter, MeteredPool
from search_service.reporting import reporting
from search_service.settings import Settings
from search_service.store import database
from search_service.store.lease import LeaseLostError, hold_lease
from search_service.store.states import ACTIVE, FINAL
from search_service.store.tables import Job
from surrogate_zoo.errors import (
    DatasetError,
    LossfitError,
    StorageAwayError,
    WorkersAwayError,
)
from surrogate_zoo.files import is_away

_LOG = logging.getLogger(__name__)
_QUEUE = "jobs"
_ASIDE_QUEUE = "waiting"  # of jobs that take no place from the others
_ASIDE_JOBS = 100
_POLL_SECONDS = 0.25
_REVIVAL_SECONDS = 5.0
_GRACE_SECONDS = 20
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 5.0, 60.0
_EXECUTOR = "controller"  # one a database, so a restarted one finds the runs that it had
# dbos continues runs of the same version alone. Ours replay recorded trials and checkpoints,
# whichever version wrote them, so an upgrade of lossfit must not strand them.
_RUN_VERSION = "1"
_GIVEN_UP = "The controller died again and again while it ran this job; see its log."


class Controller:
    """Runs the jobs of one database; a context manager, and :meth:`work` inside it.

    Leaving the context interrupts what runs; the next controller goes on with it. dbos allows one
    controller at a time in a process, the lease one at a time on a database.

    Args:
        settings: The service's settings.
        pool: Where trainings run.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        """Keep the parts; nothing starts before the context is entered."""
        self._settings, self._pool = settings, pool
        self._stopping = threading.Event()
        self._starting: list[queue.Due] = []  # enqueued, and not yet taken up
        self._at_work: set[str] = set()  # runs that have a thread in this process
        self._idle = threading.Condition()  # told when the last of them ends
        self._resting: dict[str, tuple[float, float]] = {}  # job -> seconds, and until when
        self._suspects: set[str] = set()  # begun, but not at work when looked at last
        self._exits = ExitStack()
        self._meter = Meter()

    def __enter__(self) -> Self:
        """Bring the schema up to date, take the lease, and let dbos continue what was running.

        Raises:
            ConflictError: Another controller runs on the database.
        """
        with ExitStack() as exits:
            engine = database.make_engine(self._settings.database)
            exits.callback(engine.dispose)
            prepare(engine)
            self._lease = exits.enter_context(hold_lease(engine))
            self._writing = self._lease.fence(database.sessions(engine))
            self._reading = database.read_sessions(engine)
            self._launch()
            exits.callback(self._shut_down)
            exits.enter_context(reporting(self._lease, self._writing, self._pool, self._meter))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Interrupt what runs, wait for it a little, and give the lease back."""
        self._exits.close()

    def work(self, stop: threading.Event) -> None:
        """Dispatch jobs until ``stop`` is set; rides out a database that is away.

        Raises:
            LeaseLostError: Another controller has begun its term.
            WorkersAwayError: The pool is of no use any more.
        """
        rounds, away = 0, False
        while not stop.is_set():
            if self._lease.lost.is_set():
                raise LeaseLostError(f"Term {self._lease.term} as the controller is over.")
            if (reason := self._pool.lost) is not None:
                raise WorkersAwayError(reason)
            try:
                if rounds % round(_REVIVAL_SECONDS / _POLL_SECONDS) == 0:
                    self._revive()
                    self._clear_folders()
                self._dispatch()
                away = False
            except database.AWAY as error:
                if not away:
                    told = getattr(error, "orig", error)
                    _LOG.warning("The database does not answer, trying again: %s", told)
                away = True
            rounds += 1
            stop.wait(_POLL_SECONDS)

    def _launch(self) -> None:
        config: DBOSConfig = {
            "name": "lossfit",
            "system_database_url": _system_database(self._settings),
            "serializer": DBOSPortableJSONSerializer(),
            "executor_id": _EXECUTOR,
            "application_version": _RUN_VERSION,
            "enable_otlp": False,
            "log_level": "ERROR",
            "notification_listener_polling_interval_sec": _POLL_SECONDS,
        }
        DBOS(config=config)

        # A function of its own, since dbos marks what it registers and a method cannot be marked.
        def run_job(job_id: str, attempt: int) -> None:
            self._run(job_id, attempt)

        self._workflow = DBOS.workflow(name="run_job")(run_job)
        DBOS.launch()
        DBOS.register_queue(
            _QUEUE,
            worker_concurrency=self._settings.concurrent_jobs,
            polling_interval_sec=_POLL_SECONDS,
            on_conflict="always_update",
        )
        DBOS.register_queue(
            _ASIDE_QUEUE,
            worker_concurrency=_ASIDE_JOBS,
            polling_interval_sec=_POLL_SECONDS,
            on_conflict="always_update",
        )

    def _dispatch(self) -> None:
        """Let those jobs begin whose turn it is."""
        moment = time.monotonic()
        resting = [job_id for job_id, (_, until) in self._resting.items() if moment < until]
        with self._reading() as session:
            self._starting = queue.still_queued(session, self._starting)
            due = queue.due(session, self._settings, self._starting, resting)
        for job in due:
            with SetWorkflowID(_workflow_id(job.id, job.attempt)):
                name = _ASIDE_QUEUE if job.aside else _QUEUE
                DBOS.enqueue_workflow(name, self._workflow, job.id, job.attempt)
            self._starting.append(job)

    def _revive(self) -> None:
        """Queue again what nothing works on: no job stays behind whose run was lost.

        Of those that wait, of which there may be thousands, one is looked at once it was let begin. So is one
        that an earlier controller let begin, when its turn comes again.
        """
        begin = [job.id for job in self._starting]
        due = and_(Job.state == "queued", Job.id.in_(begin))
        query = select(Job.id, Job.attempt, Job.state).where(or_(due, Job.state.in_(ACTIVE)))
        with self._reading() as session:
            jobs = {_workflow_id(job.id, job.attempt): job for job in session.execute(query)}
        statuses = {
            status.workflow_id: status.status
            for status in DBOS.list_workflows(
                workflow_ids=list(jobs), load_input=False, load_output=False
            )
        }
        begun = {workflow for workflow, status in statuses.items() if status == _PENDING}
        idle = begun - self._at_work
        # A run that is just about to begin or has just ended is idle once, a lost one twice.
        lost, self._suspects = idle & self._suspects, idle
        for workflow, job in jobs.items():
            status = statuses.get(workflow)
            waits = status == _ENQUEUED or (status is None and job.state == "queued")
            if not waits and (workflow in lost or status != _PENDING):
                self._restart(job.id, job.attempt, given_up=status == _EXHAUSTED)

    def _restart(self, job_id: str, attempt: int, *, given_up: bool) -> None:
        with self._writing.begin() as session:
            ledger.leave_out_absence(session, ledger.lock(session, job_id))
            if given_up:
                fail(session, job_id, attempt, _GIVEN_UP, "unexpected")
                return
            requeue(session, job_id, attempt)

    def _clear_folders(self) -> None:
        """Remove the folders of jobs that are over or deleted: their files are artifacts now."""
        root = self._settings.home / "jobs"
        names = [folder.name for folder in root.iterdir()] if root.is_dir() else []
        query = select(Job.id).where(Job.id.in_(names), Job.state.not_in(FINAL))
        with self._reading() as session:
            needed = set(session.scalars(query)) if names else set()
        for name in set(names) - needed:
            shutil.rmtree(root / name, ignore_errors=True)

    def _run(self, job_id: str, attempt: int) -> None:
        """Run a job to its end or until it is interrupted."""
        workflow = _workflow_id(job_id, attempt)
        with self._idle:
            if self._stopping.is_set():
                raise Interrupted
            self._at_work.add(workflow)
        try:
            with self._writing.begin() as session:
                job = claim(session, job_id, attempt)
            if job is not None:
                with logs.about(job.id):
                    self._run_claimed(job)
        finally:
            with self._idle:
                self._at_work.discard(workflow)
                self._idle.notify_all()

    def _shut_down(self) -> None:
        """Interrupt what runs, and wait for it a little.

        dbos would wait too, but never less than a second.
        """
        with self._idle:
            self._stopping.set()
            self._idle.wait_for(lambda: not self._at_work, _GRACE_SECONDS)
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)

    def _run_claimed(self, job: Job) -> None:
        run = Run(
            job=job,
            settings=self._settings,
            writing=self._writing,
            reading=self._reading,
            pool=MeteredPool(self._pool, self._meter, job.kind),
            step=_step,
            stopping=self._stopping,
        )
        began = time.monotonic()
        _LOG.info("Run %d of a %s of %s begins.", job.attempt + 1, job.kind, job.owner)
        ending = "interrupted"
        try:
            ending = self._run_to_its_end(run)
        finally:
            self._meter.runs.labels(job.kind, ending).inc()
            _LOG.info("The run is over after %.1f s: %s.", time.monotonic() - began, ending)

    def _run_to_its_end(self, run: Run) -> str:
        """Run a job; how its run ended, in a word."""
        job = run.job
        try:
            KINDS[job.kind].run(run)
        except Interrupted:
            if self._stopping.is_set():
                raise  # dbos then keeps the run as unfinished, for the next controller
            with self._writing.begin() as session:
                settle(session, job.id, job.attempt)
            return "interrupted"
        except DBAPIError:
            raise  # the database failed, not the job: _revive queues it again
        except (StorageAwayError, WorkersAwayError) as error:
            self._rest(job, str(error))
            return "waits"
        except Exception as error:  # noqa: BLE001  (whatever it is, it is this job's end)
            if is_away(error):
                self._rest(job, f"The disk takes nothing: {error}")
                return "waits"
            # Errors raised on purpose say all there is to say; others need their trace.
            _LOG.warning("Failed: %s", error, exc_info=not isinstance(error, LossfitError))
            faults = error.faults if isinstance(error, DatasetError) else ()
            with self._writing.begin() as session:
                reason = str(error) or type(error).__name__
                fail(session, job.id, job.attempt, reason, failure_of(error), faults=faults)
            return "failed"
        return "done"

    def _rest(self, job: Job, reason: str) -> None:
        """Queue a job again that storage or Ray keeps from going on, and leave it alone for a while."""
        _LOG.warning("It waits: %s", reason)
        seconds, _ = self._resting.get(job.id, (_FIRST_REST_SECONDS / 2, 0.0))
        seconds = min(2 * seconds, _LONGEST_REST_SECONDS)
        self._resting[job.id] = seconds, time.monotonic() + seconds
        with self._writing.begin() as session:
            requeue(session, job.id, job.attempt, reason)


_PENDING, _ENQUEUED = WorkflowStatusString.PENDING.value, WorkflowStatusString.ENQUEUED.value
_EXHAUSTED = WorkflowStatusString.MAX_RECOVERY_ATTEMPTS_EXCEEDED.value


def _step(name: str, function: Any) -> Any:
    return DBOS.run_step({"name": name}, function)


def _workflow_id(job_id: str, attempt: int) -> str:
    return f"{job_id}-{attempt}"


def _system_database(settings: Settings) -> str:
    """URL of dbos's tables: in the service's own database, so one backup holds both."""
    url = make_url(settings.database)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


def hold(settings: Settings, pool: Pool, stop: threading.Event) -> None:
    """Be the controller until ``stop`` is set.

    Ends the process with status 1, and a sentence in the log, where it is of no more use: its lease or its
    workers are lost, or the database does not take it in.
    """
    try:
        with Controller(settings, pool) as controller:
            controller.work(stop)
    except LeaseLostError as error:
        _LOG.error("%s Another controller works on this database.", error)
        sys.exit(1)
    except WorkersAwayError as error:
        _LOG.error("%s The controller ends; its parent starts it again.", error)
        logging.shutdown()
        os._exit(1)  # who leaves in order waits for Ray, which does not answer
    except database.AWAY as error:
        told = getattr(error, "orig", error)
        _LOG.error("The database does not take a controller: %s. Its parent starts it again.", told)
        sys.exit(1)
