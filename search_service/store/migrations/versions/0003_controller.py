"""A row says who the controller is: locks of the database went with its restart."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "controller",
        sa.Column("term", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("beat", sa.Double(), nullable=False),
        sa.Column("place", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_controller")),
    )
    op.bulk_insert(table, [{"term": 0, "beat": 0.0, "place": "", "pid": 0}])
