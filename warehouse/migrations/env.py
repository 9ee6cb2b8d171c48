"""Alembic's entry: runs the migrations on the connection that `Catalog.open` hands over, in its transaction."""

from alembic import context

from warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it
    render_as_batch=True,
)
context.run_migrations()
