"""Alembic's entry: runs the migrations on the connection that bot.storage.migration opened, in its transaction."""

from __future__ import annotations

from alembic import context

from bot.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional as long as the driver doesn't commit before it, which ours doesn't.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
