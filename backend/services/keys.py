"""API keys: made, listed, revoked. They are the installation's, not a viewer's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from backend.errors import Invalid, NotFound
from backend.repositories.api_keys import (
    ApiKeyRecord,
    find_key,
    insert_key,
    list_keys,
    revoke_key,
)
from backend.repositories.owners import ensure_owner
from backend.repositories.store import Store
from backend.security.handshake import owner_name
from backend.security.pepper import read_pepper
from backend.security.tokens import ApiKey, hash_key, make_key
from backend.security.viewer import SCOPES

NAME_CHARACTERS = 100
PEPPER_FILE = "-pepper"


def pepper_of(store: Store) -> bytes:
    """What the keys of this database are hashed with; raises ConfigurationError."""
    database = store.database
    return read_pepper(database.settings, database.beside(PEPPER_FILE))


class KeyService:
    """Looks after the keys of an installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(
        self, owner: str, name: str, scopes: Sequence[str], lifetime: timedelta | None = None
    ) -> ApiKey:
        """A new key, which is stored nowhere in the clear: show it now or never.

        Raises Invalid, ConfigurationError.
        """
        owner = owner_name(owner)
        if not 0 < len(name) <= NAME_CHARACTERS or not name.isprintable():
            raise Invalid(f"A key's name has 1 to {NAME_CHARACTERS} printable characters.")
        if not scopes or set(scopes) - set(SCOPES):
            raise Invalid(f"A key's scopes are some of {', '.join(SCOPES)}.")
        key, now = make_key(), datetime.now(UTC)
        key_hash = hash_key(key, pepper_of(self._store))
        async with self._store.database.write() as connection:
            await insert_key(
                connection,
                await ensure_owner(connection, owner),
                id=key.id,
                name=name,
                key_hash=key_hash,
                scopes=" ".join(scope for scope in SCOPES if scope in scopes),
                created_at=now,
                expires_at=now + lifetime if lifetime is not None else None,
            )
        return key

    async def list(self, owner: str | None = None) -> list[ApiKeyRecord]:
        """All keys, or those of one owner, oldest first."""
        async with self._store.database.read() as connection:
            return await list_keys(connection, owner)

    async def revoke(self, key_id: str) -> ApiKeyRecord:
        """Ends a key; one that is revoked already stays so. Raises NotFound."""
        async with self._store.database.write() as connection:
            await revoke_key(connection, key_id, datetime.now(UTC))
            found = await find_key(connection, key_id)
        if found is None:
            raise NotFound("There is no key of this id.")
        return found
