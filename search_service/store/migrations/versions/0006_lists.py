"""Indices for what is asked for often: jobs in a state, progress, trainings that nobody has told."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A list of the jobs in one state, newest first, and how many jobs there are of each kind and state.
    op.create_index(
        "ix_job_kind_state_created_at_id",
        "job",
        ["kind", "state", "created_at", "id"],
        unique=False,
    )
    # How far a search is: how many trials ended in which way, and the best score.
    op.create_index(
        "ix_trial_job_id_ending_score", "trial", ["job_id", "ending", "score"], unique=False
    )
    # What a worker of the user's own code asks for: of a job's open assignments the first posted.
    op.create_index(
        "ix_assignment_open",
        "assignment",
        ["job_id", "posted_at", "number"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
