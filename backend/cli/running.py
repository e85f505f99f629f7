"""What all verbs share: settings, the services over a database, and how failures end a command.

Exit codes: 0 done, 1 something failed, 2 wrong usage or a wrong setting, 130 interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import typer
from sqlalchemy.exc import SQLAlchemyError

from backend.config import PREFIX, Settings, load_settings
from backend.database.database import Database, database_url
from backend.database.migrate import is_current, migrate
from backend.errors import ConfigurationError, ConversaError
from backend.repositories.store import Store
from backend.services.container import Services

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
Answer = TypeVar("Answer")


def say(text: str) -> None:
    """A line for people, beside what a command puts out."""
    typer.echo(text, err=True)


@contextmanager
def one_line_failures() -> Iterator[None]:
    """Ends the command with one line and an exit code where something expected goes wrong."""
    try:
        yield
    except ConfigurationError as error:
        say(str(error))
        raise typer.Exit(MISUSED) from None
    except ConversaError as error:
        say(error.message)
        raise typer.Exit(FAILED) from None
    except (SQLAlchemyError, OSError) as error:
        say(f"It stopped: {_reason(error)}")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


def settings_of(**overrides: object) -> Settings:
    """The settings, with what the command line says in place of what the environment does."""
    said: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    return load_settings(**said)


async def ready(settings: Settings) -> bool:
    """Makes the database, or brings its tables up to date; whether there was anything to do.

    Raises ConfigurationError where it cannot be opened.
    """
    try:
        return await migrate(settings)
    except (SQLAlchemyError, OSError) as error:
        place = database_url(settings).render_as_string(hide_password=True)
        reason = f"cannot open {place}: {_reason(error)}"
        raise ConfigurationError(f"{PREFIX}DATABASE_URL: {reason}") from None


async def is_behind(settings: Settings) -> bool:
    """Whether the tables are to be brought up to date, or cannot be looked at: ``ready`` tells."""
    try:
        return not await is_current(settings)
    except (SQLAlchemyError, OSError):
        return True


def _reason(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error) or type(error).__name__
    return text.splitlines()[0]


@asynccontextmanager
async def services_of(settings: Settings) -> AsyncIterator[Services]:
    """The services over the settings' database, whose statements may take as long as they take."""
    database = Database(settings.model_copy(update={"statement_timeout": 0}))
    services = Services(Store(database))
    try:
        yield services
    finally:
        await services.embedding.close()
        await database.close()


def run(job: Coroutine[Any, Any, Answer]) -> Answer:
    """Runs a job to its end."""
    with one_line_failures():
        return asyncio.run(job)
    raise AssertionError("unreachable")
