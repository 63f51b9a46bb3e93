"""What Alembic runs: the steps, on the connection that upgrade() opened."""

from alembic import context

from penstock.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
