"""API keys, found by their id before anybody's name is known: for the process, not a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import ApiKey, Owner


class ApiKeyRecord(NamedTuple):
    """A stored key; ``owner`` is the owner's name, ``scopes`` has spaces between them."""

    id: str
    owner: str
    name: str
    key_hash: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def _keys() -> Select[Any]:
    columns = (
        Owner.name if name == "owner" else getattr(ApiKey, name) for name in ApiKeyRecord._fields
    )
    return select(*columns).join(Owner, Owner.id == ApiKey.owner_id)


_BY_ID = _keys().where(ApiKey.id == bindparam("id"))


async def find_key(connection: AsyncConnection, key_id: str) -> ApiKeyRecord | None:
    """The key, revoked and expired ones too, or None."""
    row = (await connection.execute(_BY_ID, {"id": key_id})).first()
    return ApiKeyRecord._make(row) if row else None


async def list_keys(connection: AsyncConnection, owner: str | None = None) -> list[ApiKeyRecord]:
    """All keys, or those of one owner, oldest first."""
    statement = _keys().order_by(ApiKey.created_at, ApiKey.id)
    if owner is not None:
        statement = statement.where(Owner.name == owner)
    return [ApiKeyRecord._make(row) for row in await connection.execute(statement)]


async def unrevoked_keys(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Those of the keys that exist and are not revoked."""
    statement = select(ApiKey.id).where(ApiKey.id.in_(ids), ApiKey.revoked_at.is_(None))
    return set(await connection.scalars(statement))


async def insert_key(connection: AsyncConnection, owner_id: int, **values: Any) -> None:
    """Stores a new key."""
    await connection.execute(insert(ApiKey).values(owner_id=owner_id, **values))


async def revoke_key(connection: AsyncConnection, key_id: str, now: datetime) -> None:
    """Revokes a key; one that is revoked already stays so since then."""
    await connection.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now)
    )
