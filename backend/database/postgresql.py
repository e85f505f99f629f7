"""PostgreSQL engines: a pool that writes, and a pool that can only read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backend.config import Settings
from backend.database.nearby import NearbyEngine
from backend.database.timeouts import tell_timeouts

# A connection keeps its plans. One made while a table was small reads all of the table, and goes on
# doing so while an import makes it large; what is asked for here, an index always serves.
BY_INDEX = {"enable_seqscan": "off"}


def writer_engine(url: URL, settings: Settings) -> NearbyEngine:
    """Connections for transactions; rows to be changed are locked first, so READ COMMITTED does.

    A reference is checked by a plan that the connection keeps, too.
    """
    options = {**BY_INDEX, **_limited(settings)}
    engine = _engine(url, settings, connections=settings.write_connections, options=options)
    tell_timeouts(engine.sync_engine, settings.statement_timeout)
    return _nearby(engine, settings, connections=settings.write_connections, what="write")


def reader_engine(url: URL, settings: Settings) -> NearbyEngine:
    """Connections that cannot write; without transactions, so that a read is one round trip."""
    engine = _reader(url, settings, BY_INDEX)
    return _nearby(engine, settings, connections=settings.read_connections, what="read")


def _nearby(
    engine: AsyncEngine, settings: Settings, *, connections: int, what: str
) -> NearbyEngine:
    return NearbyEngine(
        engine,
        most=connections,
        patience=settings.pool_timeout,
        seconds=settings.statement_timeout,
        what=what,
    )


def _reader(url: URL, settings: Settings, planning: dict[str, str]) -> AsyncEngine:
    engine = _engine(
        url,
        settings,
        connections=settings.read_connections,
        options={"default_transaction_read_only": "on", **planning, **_limited(settings)},
        isolation_level="AUTOCOMMIT",
    )
    tell_timeouts(engine.sync_engine, settings.statement_timeout)
    return engine


def long_reader_engine(url: URL, settings: Settings) -> AsyncEngine:
    """The same with connections of its own, so that long reads keep none from the short ones."""
    return _reader(url, settings, {})


def aside_reader(url: URL, settings: Settings) -> NearbyEngine:
    """Connections of searches, that keep none from short reads either, but read by indexes: the
    planner takes a hundred rows next to a message where there are seven."""
    return reader_engine(url, settings)


def session_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine of one connection that is kept: to listen and announce on, or to hold a lock with.

    Nothing is stored over it. An announcement is a transaction all the same, and would have the
    disk written to before the next one, whoever's, can be.
    """
    options = {"synchronous_commit": "off"}
    return _engine(url, settings, connections=1, options=options, isolation_level="AUTOCOMMIT")


def migration_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine for migrations."""
    return _engine(url, settings, connections=1, options={})


def _limited(settings: Settings) -> dict[str, str]:
    """Of statements, not of transactions: in milliseconds, 0 for no limit."""
    return {"statement_timeout": str(round(settings.statement_timeout * 1000))}


def _engine(
    url: URL, settings: Settings, *, connections: int, options: dict[str, str], **others: str
) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        query_cache_size=1000,
        # They are what people write, and errors go to the log.
        hide_parameters=True,
        connect_args={
            # Compiling a plan costs more than any statement here takes.
            "server_settings": {"jit": "off", "application_name": "conversa", **options},
            "prepared_statement_cache_size": 500,
        },
        **others,
    )
    event.listen(engine.sync_engine, "connect", _take_ids_as_text)
    return engine


def _take_ids_as_text(connection: Any, _record: Any) -> None:
    """Has the driver give ids as the text they are everywhere else, not as objects of which each is
    made text at once."""
    text_codec = {"schema": "pg_catalog", "format": "text", "encoder": str, "decoder": str}
    connection.run_async(lambda driver: driver.set_type_codec("uuid", **text_codec))
