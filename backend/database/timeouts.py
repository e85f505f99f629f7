"""Ending statements that take too long, whoever waits for them."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from backend.errors import TimedOut

STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
QUERY_CANCELED = "57014"
"""PostgreSQL's code for a statement that was ended before it was done."""


def end_long_statements(engine: Engine, seconds: float) -> None:
    """Has SQLite end every statement after so many seconds."""

    @event.listens_for(engine, "connect")
    def _watch(connection: Any, record: Any) -> None:
        clock = record.info["clock"] = Clock(seconds)
        if hasattr(connection, "run_async"):
            connection.run_async(lambda driver: driver.set_progress_handler(clock.is_over, STEPS))
        else:
            connection.set_progress_handler(clock.is_over, STEPS)

    @event.listens_for(engine, "before_cursor_execute")
    def _start(connection: Any, *_: Any) -> None:
        clock = connection.info.get("clock")
        if clock is not None:
            clock.start()


def tell_timeouts(engine: Engine, seconds: float) -> None:
    """Has a statement that was ended raise TimedOut, in place of what the driver makes of it."""

    @event.listens_for(engine, "handle_error")
    def _told(context: ExceptionContext) -> None:
        tell_timeout(context.original_exception, seconds)


def tell_timeout(error: Any, seconds: float) -> None:
    """Raises TimedOut where this is a driver's error for a statement that was ended."""
    interrupted = getattr(error, "sqlite_errorname", None) == "SQLITE_INTERRUPT"
    if interrupted or getattr(error, "sqlstate", None) == QUERY_CANCELED:
        raise timed_out(seconds)


def timed_out(seconds: float) -> TimedOut:
    """What is told of a statement that took more than so many seconds."""
    return TimedOut(f"The database took more than {seconds:g} seconds and was stopped.")


def clock_of(connection: Connection) -> Clock | None:
    """What measures the statements of a connection, if anything does."""
    return connection.info.get("clock")


class Clock:
    """Measures one statement at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = float("inf")

    def start(self) -> None:
        """A statement begins."""
        self._until = time.monotonic() + self._seconds

    def is_over(self) -> bool:
        """Whether it has taken too long."""
        return time.monotonic() > self._until

    def tell(self, error: Exception) -> None:
        """Raises TimedOut where that is what the driver's error means."""
        tell_timeout(error, self._seconds)
