"""How long jobs ran: what pauses and waits left out."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("ran_seconds", sa.Double(), server_default="0", nullable=False))
    op.add_column("job", sa.Column("running_since", sa.DateTime(timezone=True), nullable=True))
    job = sa.table(
        "job",
        sa.column("id", sa.String()),
        sa.column("state", sa.String()),
        sa.column("started_at", sa.DateTime(timezone=True)),
        sa.column("finished_at", sa.DateTime(timezone=True)),
        sa.column("ran_seconds", sa.Double()),
        sa.column("running_since", sa.DateTime(timezone=True)),
    )
    active = job.c.state.in_(["running", "pausing", "cancelling"])
    op.execute(job.update().where(active).values(running_since=job.c.started_at))
    # Of those that are over nobody counted pauses.
    over = sa.select(job.c.id, job.c.started_at, job.c.finished_at).where(
        job.c.started_at.is_not(None), job.c.finished_at.is_not(None)
    )
    update = job.update().where(job.c.id == sa.bindparam("job_id"))
    update = update.values(ran_seconds=sa.bindparam("seconds"))
    lasted = [
        {"job_id": row.id, "seconds": _seconds(*row[1:])} for row in op.get_bind().execute(over)
    ]
    if lasted:
        op.get_bind().execute(update, lasted)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
