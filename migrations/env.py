"""Runs the migrations on the connection that `idp.store.migrate` hands over."""

from alembic import context

from idp.store.migrate import TARGET

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=list(TARGET),
    transaction_per_migration=True,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
