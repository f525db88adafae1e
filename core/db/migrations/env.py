"""Alembic's entry: the connection is handed in by `core.db.upgrade`."""

from alembic import context

from core.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
