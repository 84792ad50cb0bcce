"""What jobs cost, whether they take a place, and what the controller tells of itself."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing here lets SQLite copy the table, which would delete what hangs on its rows.
    for column in (
        sa.Column("aside", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("trainings", sa.Double(), server_default="0", nullable=False),
        sa.Column("hours", sa.Double(), nullable=True),
        sa.Column("spent_trainings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent_seconds", sa.Double(), server_default="0", nullable=False),
    ):
        op.add_column("job", column)
    job = sa.table("job", sa.column("aside"), sa.column("request", sa.JSON))
    external = job.c.request["trainer"].as_string() == "external"
    op.execute(job.update().where(external).values(aside=sa.true()))
    op.create_index("ix_job_owner_finished_at", "job", ["owner", "finished_at"], unique=False)
    op.create_index(
        "ix_job_queue",
        "job",
        ["state", "aside", "owner", "priority", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "controller_report",
        sa.Column("term", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("workers", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_controller_report")),
    )
