"""People write notes and tags to jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("job", sa.Column("tags", sa.JSON(), server_default="[]", nullable=False))
