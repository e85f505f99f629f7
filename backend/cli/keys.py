"""Verbs that look after API keys: keys create, keys list, keys revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from backend.cli.running import one_line_failures, ready, run, say, services_of, settings_of
from backend.config import PREFIX, Settings
from backend.repositories.api_keys import ApiKeyRecord
from backend.security.tokens import ApiKey
from backend.services.keys import KeyService

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke API keys.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
HEADER = ("id", "owner", "name", "scopes", "made", "expires", "state")
LONGEST_DAYS = 36_500


class Scope(StrEnum):
    """What a key may do; each includes those before it."""

    read = "read"
    write = "write"
    admin = "admin"


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for, to know it by in the list.")],
    owner: Annotated[str, typer.Option(help="Whose chats it opens.")] = "local",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do, given once or more; read and write where left out."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=LONGEST_DAYS, help="Days until it expires; never where left out."),
    ] = None,
) -> None:
    """Make a key. It is shown once, on the standard output, and stored nowhere."""
    scopes = [each.value for each in scope or (Scope.read, Scope.write)]
    lifetime = timedelta(days=days) if days is not None else None
    with one_line_failures():
        settings = settings_of()
    key = run(_create(settings, owner, name, scopes, lifetime))
    say("This is the key. It is not shown again:")
    typer.echo(key.reveal())
    if settings.auth != "keys":
        say(f"{PREFIX}AUTH is {settings.auth}: the server asks for keys where it is keys.")


@keys.command("list")
def list_keys(
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
) -> None:
    """List the keys there are, without what is secret in them."""
    with one_line_failures():
        settings = settings_of()
    found = run(_list(settings, owner))
    lines = [HEADER, *(_line(key) for key in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list has it.")],
) -> None:
    """Revoke a key. Running servers refuse it within seconds."""
    with one_line_failures():
        settings = settings_of()
    found = run(_revoke(settings, key_id))
    say(f"Revoked: {found.id} ({found.name}, of {found.owner}).")


async def _create(
    settings: Settings, owner: str, name: str, scopes: list[str], lifetime: timedelta | None
) -> ApiKey:
    await ready(settings)
    async with services_of(settings) as services:
        return await KeyService(services.store).create(owner, name, scopes, lifetime)


async def _list(settings: Settings, owner: str | None) -> list[ApiKeyRecord]:
    await ready(settings)
    async with services_of(settings) as services:
        return await KeyService(services.store).list(owner)


async def _revoke(settings: Settings, key_id: str) -> ApiKeyRecord:
    await ready(settings)
    async with services_of(settings) as services:
        return await KeyService(services.store).revoke(key_id)


def _line(key: ApiKeyRecord) -> tuple[str, ...]:
    return (
        key.id,
        key.owner,
        key.name,
        key.scopes.replace(" ", ","),
        _day(key.created_at),
        _day(key.expires_at),
        _state(key),
    )


def _state(key: ApiKeyRecord) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if expired else "good"


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else "never"
