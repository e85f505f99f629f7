"""Run by Alembic: with the connection it is given by the server, or one of its own."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from backend import models
from backend.config import load_settings
from backend.database import postgresql, sqlite
from backend.database.database import database_url
from backend.models.types import tell_conditions


def run(connection: Connection) -> None:
    """Runs the migrations in the connection's own transaction: all of them or none."""
    metadata = models.Owner.metadata
    tell_conditions(metadata)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """Opens a connection by the settings, as `alembic` on the command line needs it."""
    settings = load_settings()
    url = database_url(settings)
    engines = sqlite if url.drivername == "sqlite" else postgresql
    engine = engines.migration_engine(url, settings)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
