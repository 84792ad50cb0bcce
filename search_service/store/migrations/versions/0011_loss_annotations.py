"""Losses have owners and notes, and aliases stand for them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    owner = sa.Column("owner", sa.String(length=100), server_default="operator", nullable=False)
    op.add_column("loss", owner)
    op.add_column("loss", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "loss_alias",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("loss_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["loss_id"], ["loss.id"], name=op.f("fk_loss_alias_loss_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_loss_alias")),
    )
    op.create_index(op.f("ix_loss_alias_loss_id"), "loss_alias", ["loss_id"], unique=False)
    # What a search found is its owner's.
    loss = sa.table("loss", sa.column("owner"), sa.column("document", sa.JSON()))
    job = sa.table("job", sa.column("id"), sa.column("owner"))
    search = loss.c.document["provenance"]["search"].as_string()
    of_search = sa.select(job.c.owner).where(job.c.id == search).scalar_subquery()
    op.execute(sa.update(loss).where(search.in_(sa.select(job.c.id))).values(owner=of_search))
