"""Alembic's entry: runs the migrations on the connection that ``database.upgrade`` hands over."""

from alembic import context

import search_service.store.tables  # noqa: F401  (the service's tables join the product's metadata)
from surrogate_zoo.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
