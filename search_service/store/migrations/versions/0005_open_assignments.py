"""Trainings that nobody has ended yet are found without reading those that are over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("outcome IS NULL")
    op.create_index(
        "ix_assignment_open",
        "assignment",
        ["job_id", "posted_at", "number"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
