"""Trials know the scales of their losses and how their hold-out set was cut; searches race at their end."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JOB = sa.table("job", sa.column("id"), sa.column("kind"), sa.column("request", sa.JSON))


def upgrade() -> None:
    with op.batch_alter_table("trial", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scales", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("hold_out", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    query = sa.select(_JOB.c.id, _JOB.c.request).where(_JOB.c.kind == "search")
    for job_id, request in connection.execute(query).all():
        # Trainings with other seeds at the end of a search are rounds of its race by now.
        if "repeats" in request:
            kept = {name: value for name, value in request.items() if name != "repeats"}
            connection.execute(sa.update(_JOB).where(_JOB.c.id == job_id).values(request=kept))
