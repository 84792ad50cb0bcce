"""The service's tables: datasets, jobs, what a job leaves (trials, events, artifacts, assignments), access.

Portable between SQLite and PostgreSQL. Rows of a job are written only while its row is locked
(``ledger.lock``), which is what makes event sequences gapless and a trial recorded once.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from search_service.store.states import STATES
from surrogate_zoo.store.tables import AwareDateTime, Base, now


class Dataset(Base):
    """A registered dataset; its row never changes.

    Attributes:
        name: What requests call it.
        source: ``workers.tasks.datasets.DatasetSource`` as JSON.
        report: ``workers.datasets`` report of what was found there, with its fingerprint.
        created_at: Aware UTC.
    """

    __tablename__ = "dataset"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    source: Mapped[dict[str, Any]] = mapped_column(JSON)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(AwareDateTime)


class Job(Base):
    """A search, a retraining, a comparison, or the training of a loss network.

    Attributes:
        id: UUID in its canonical text form.
        kind: See ``search_service.kinds.KINDS``.
        state: See :data:`search_service.store.states.State`.
        owner: Who asked for it (``search_service.access``).
        priority: Higher starts first.
        request: The checked request as JSON, everything that was left open filled in.
        result: What came out, once succeeded.
        error: One line, once failed.
        note: What people wrote to it (``search_service.jobs.annotation``).
        tags: Words that they find it by.
        idempotency_key: The caller's key; the same key of the same owner gives the same job. Of all owners
            but the operator their name stands before it.
        attempt: Runs begun so far after the first: each resume begins another, and each extension.
        aside: Whether it takes no place of those who train here, as a search that others train for.
        trainings: How many it was to take at most, as estimated when it was submitted.
        hours: Likewise, of one worker; None where that was not estimated.
        spent_trainings: How many are recorded.
        spent_seconds: Of one worker, those of all that is recorded.
        created_at: Aware UTC, as the other times.
        started_at: Begin of the first run.
        finished_at: When it reached a final state; None again of a search that is extended.
        running_since: Begin of the run that goes on; None where none does.
        ran_seconds: On the clock, those of its earlier runs.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s) for s in STATES)})", name="state"),
        Index("ix_job_kind_created_at_id", "kind", "created_at", "id"),
        Index("ix_job_state", "state"),
        Index("ix_job_owner_kind_created_at_id", "owner", "kind", "created_at", "id"),
        Index("ix_job_kind_state_created_at_id", "kind", "state", "created_at", "id"),
        Index("ix_job_owner_finished_at", "owner", "finished_at"),
        Index("ix_job_queue", "state", "aside", "owner", "priority", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), default="queued")
    owner: Mapped[str] = mapped_column(String(100), default="operator", server_default="operator")
    priority: Mapped[int] = mapped_column(default=0)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    idempotency_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    attempt: Mapped[int] = mapped_column(default=0)
    aside: Mapped[bool] = mapped_column(default=False, server_default=false())
    trainings: Mapped[float] = mapped_column(default=0.0, server_default="0")
    hours: Mapped[float | None]
    spent_trainings: Mapped[int] = mapped_column(default=0, server_default="0")
    spent_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(AwareDateTime)
    started_at: Mapped[datetime | None] = mapped_column(AwareDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareDateTime)
    running_since: Mapped[datetime | None] = mapped_column(AwareDateTime)
    ran_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")

    @property
    def running_seconds(self) -> float:
        """How long it runs, or ran, on the clock: what waits and pauses are left out."""
        goes_on = self.running_since and (now() - self.running_since).total_seconds()
        return self.ran_seconds + (goes_on or 0.0)


class Trial(Base):
    """One proposal of a search and what its proxy training scored; recorded once, never changed.

    Attributes:
        job_id: The search.
        number: Number of the proposal in its search, from 0.
        generation: Generation it belongs to, from 0.
        theta: Its parameters, as its search's space writes them.
        is_mean: Whether it is the policy's mean itself.
        score: The metric on the hold-out set, as measured (most are in 0..1, and better when higher:
            ``surrogate_zoo.metrics.titles`` tells); None where there is none. Of a stopped trial
            what the sampler was told (``halving.imputed_scores``), on the scale of whole trainings.
        metrics: All metrics on the hold-out set; of a stopped trial imputed likewise.
        error: Why there is no score.
        failure: Which class of failure that was (``workers.tasks.failures``), where it failed.
        ending: See :data:`search_service.store.states.Ending`.
        iterations: Steps that it was trained for.
        seconds: Wall time of its training and scoring.
        worker: Facts about where it ran that a repeat needs, such as the thread count.
        scales: Scales that were measured for its loss (``surrogate_zoo.losses.scale``).
        hold_out: How its hold-out set was cut, in a sentence.
        curve: (iteration, mean training loss since the point before), about fifty points; read when it is
            asked for, as lists of trials do not. None of a trial that was recorded before there were any.
        finished_at: Aware UTC.
    """

    __tablename__ = "trial"
    __table_args__ = (Index("ix_trial_job_id_ending_score", "job_id", "ending", "score"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation: Mapped[int]
    theta: Mapped[list[float]] = mapped_column(JSON)
    is_mean: Mapped[bool]
    score: Mapped[float | None]
    metrics: Mapped[dict[str, float]] = mapped_column(JSON)
    error: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(String(20))
    ending: Mapped[str] = mapped_column(String(10), default="trained")
    iterations: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float]
    worker: Mapped[dict[str, Any]] = mapped_column(JSON)
    scales: Mapped[list[float]] = mapped_column(JSON, default=list)
    hold_out: Mapped[str] = mapped_column(Text, default="")
    curve: Mapped[list[list[float]] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    finished_at: Mapped[datetime] = mapped_column(AwareDateTime)


class Evaluation(Base):
    """An evaluation that is no trial; recorded once, never changed.

    Attributes:
        job_id: The search or comparison.
        stage: What it was for: ``rung <iterations>`` on the way to a trial; ``heat <number>`` and
            ``round <number>`` of the race; ``scales`` of what was never trained; of a comparison
            ``tune <network> <rate>`` and :data:`CELL`, a retraining.
        number: The trial's number; of an entrant that is none a number above all of them; of scales
            the generation's; of tuning the loss's place in the request; a cell's place in its grid.
        outcome: ``workers.tasks.proxy.Outcome`` as JSON, without its curve; of a cell see
            ``comparisons.outcome.CellOutcome``.
        finished_at: Aware UTC.
    """

    __tablename__ = "evaluation"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished_at: Mapped[datetime] = mapped_column(AwareDateTime)


class Assignment(Base):
    """A training that a search wants of its user's own code.

    Attributes:
        job_id: The search.
        stage: What it is for: ``generation <index>``, or ``heat <number>`` and ``round <number>`` of
            the race.
        number: The trial's number; of an entrant that is none a number above all of them.
        seed: What the training is to be seeded with; all of a stage share it.
        rate: Factor on the learning rate that the user's code has for cross entropy.
        loss: The loss file's content, its scales measured.
        scales: What was measured of them (``surrogate_zoo.losses.scale``).
        lease: Id of the newest lease; None before the first.
        outcome: ``workers.tasks.proxy.Outcome`` as JSON, without its curve, once it is known.
        posted_at: Aware UTC.
    """

    __tablename__ = "assignment"
    __table_args__ = (
        Index(
            "ix_assignment_open",
            "job_id",
            "posted_at",
            "number",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed: Mapped[int]
    rate: Mapped[float]
    loss: Mapped[dict[str, Any]] = mapped_column(JSON)
    scales: Mapped[list[float]] = mapped_column(JSON)
    lease: Mapped[str | None] = mapped_column(String(36))
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    posted_at: Mapped[datetime] = mapped_column(AwareDateTime)


class Lease(Base):
    """Who trains an assignment, and until when it is theirs.

    Attributes:
        id: UUID in its canonical text form; who knows it holds the lease.
        job_id: The search.
        stage: With ``number``, the assignment.
        number: See there.
        worker: What the worker calls itself.
        seconds: How long the lease lasts from each sign of life.
        begun_at: Aware UTC, as the other time.
        lapses_at: From then on the assignment is handed out to whoever asks.
        reports: ``step`` and ``metrics`` of every report on the way, by step.
        told: What the worker told at the end, once the service has taken it.
    """

    __tablename__ = "lease"
    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "stage", "number"],
            ["assignment.job_id", "assignment.stage", "assignment.number"],
            ondelete="CASCADE",
        ),
        Index("ix_lease_job_id_stage_number", "job_id", "stage", "number"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(36))
    stage: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    worker: Mapped[str] = mapped_column(String(100))
    seconds: Mapped[float]
    begun_at: Mapped[datetime] = mapped_column(AwareDateTime)
    lapses_at: Mapped[datetime] = mapped_column(AwareDateTime)
    reports: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Event(Base):
    """Something that happened to a job, in the order it happened.

    Attributes:
        job_id: The job.
        sequence: 1, 2, 3, ... without a gap.
        kind: ``state``, ``trial``, ``evaluation``, ``progress``, ``loss-network`` or ``error``.
        body: What happened, as JSON.
        at: Aware UTC.
    """

    __tablename__ = "event"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(AwareDateTime)


class Artifact(Base):
    """A file that a job left; its bytes lie under ``sha256`` in the artifacts' root.

    Attributes:
        job_id: The job.
        name: File name, such as ``scores.png``.
        sha256: Of the content, lower-case hex.
        bytes: Size.
        media_type: Such as ``image/png``.
    """

    __tablename__ = "artifact"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(100))


class Controller(Base):
    """The one row that says who runs the jobs, see ``search_service.store.lease``.

    Attributes:
        term: Grows with every controller; the key, since who shares a key's lock holds the term in place.
        beat: When its heart last beat, in seconds since 1970 by the database's clock; 0 once it has
            ended in order.
        place: Where ``pid`` means something.
        pid: Its process.
    """

    __tablename__ = "controller"

    term: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    beat: Mapped[float]
    place: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]


class ControllerReport(Base):
    """The one row that tells how the controller is: what it counted since it began, and its workers.

    Attributes:
        term: Of the controller that told it, as in :class:`Controller`.
        figures: In Prometheus's text format.
        workers: ``search_service.jobs.pool.WorkerState`` as JSON, one for each.
        at: When it was told, aware UTC.
    """

    __tablename__ = "controller_report"

    term: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    figures: Mapped[str] = mapped_column(Text)
    workers: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(AwareDateTime)


class Token(Base):
    """A token that the operator has made, see ``search_service.access.tokens``.

    Attributes:
        name: What the operator calls it.
        owner: Whose jobs it makes and sees.
        scope: See ``search_service.access.callers.Scope``.
        sha256: Of the token, lower-case hex; the token itself is kept nowhere.
        created_at: Aware UTC, as the other times.
        expires_at: From then on it is a wrong one; None never.
        revoked_at: Since when it is a wrong one.
    """

    __tablename__ = "token"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(10))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(AwareDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(AwareDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(AwareDateTime)


class AuditEntry(Base):
    """A request that was to change something, and how it was answered.

    Attributes:
        number: 1, 2, 3, ...; a gap tells that an entry is missing.
        at: When it was answered, aware UTC.
        owner: Who asked.
        token: Name of their token; None of the operator's own, and where none is asked for.
        client: Address that it came from.
        method: Of HTTP.
        path: What was asked for.
        status: Of the answer.
    """

    __tablename__ = "audit_entry"

    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareDateTime)
    owner: Mapped[str] = mapped_column(String(100))
    token: Mapped[str | None] = mapped_column(String(100))
    client: Mapped[str] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(Text)
    status: Mapped[int]
