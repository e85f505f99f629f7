"""Verbs that look after an installation: migrate, schema, check."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from backend.cli.progress import steps
from backend.cli.running import FAILED, one_line_failures, ready, run, say, services_of, settings_of
from backend.config import Settings
from backend.database.health import applied_migration
from backend.database.migrate import head_revision
from backend.errors import ConfigurationError
from backend.lazy import Lazy
from backend.services.container import Services

if TYPE_CHECKING:
    from backend.graphql import schema as graphql
else:
    graphql = Lazy("backend.graphql.schema")

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
DIFF_LINES = 40


def migrate() -> None:
    """Make the database, or bring its tables up to date."""
    with one_line_failures():
        settings = settings_of()
    changed = run(ready(settings))
    typer.echo("The database is up to date now." if changed else "There was nothing to do.")


def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Fail where schema.graphql differs; change nothing.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write it into schema.graphql.")] = False,
) -> None:
    """Print the GraphQL schema."""
    printed = graphql.print_schema()
    if check:
        _compare(SCHEMA.read_text("utf-8") if SCHEMA.exists() else "", printed)
    elif write:
        SCHEMA.write_text(printed, "utf-8")
    else:
        typer.echo(printed, nl=False)


def check() -> None:
    """Verify the stored trees, counters and references; change nothing."""
    with one_line_failures():
        settings = settings_of()
    found = run(_problems(settings))
    if found:
        say("1 problem." if found == 1 else f"{found} problems.")
        raise typer.Exit(FAILED)
    say("No problems.")


def _compare(written: str, printed: str) -> None:
    if written == printed:
        return
    difference = unified_diff(
        written.splitlines(), printed.splitlines(), "schema.graphql", "the code", lineterm="", n=1
    )
    lines = list(difference)
    for line in lines[:DIFF_LINES]:
        typer.echo(line)
    if len(lines) > DIFF_LINES:
        typer.echo(f"… and {len(lines) - DIFF_LINES} lines more")
    say("schema.graphql is not what the code says: write it anew with `make schema`.")
    raise typer.Exit(FAILED)


async def _require_tables(services: Services) -> None:
    """Nothing is migrated here: what may be damaged is looked at first."""
    try:
        applied = await applied_migration(services.store.database)
    except SQLAlchemyError as error:
        raise ConfigurationError(f"There are no tables to check: {error.__cause__}") from None
    if applied != head_revision():
        raise ConfigurationError("The tables are not up to date: run `python app.py migrate`.")


async def _problems(settings: Settings) -> int:
    """Prints each problem; how many there are."""
    found = 0
    async with services_of(settings) as services:
        await _require_tables(services)
        names = services.checks.names
        with steps() as progress:
            progress.begin("check")

            def begun(name: str) -> None:
                progress.show(names.index(name), len(names), name)

            async for problem in services.checks.problems(begun):
                found += 1
                typer.echo(problem)
    return found
