"""Who is asking, on every transport: from credentials to a caller."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from backend.config import Settings
from backend.errors import Forbidden
from backend.lazy import Lazy
from backend.repositories.api_keys import find_key
from backend.repositories.store import Store
from backend.security.caller import Caller
from backend.security.connections import Connections
from backend.security.errors import Unauthenticated
from backend.security.handshake import Credentials, owner_name
from backend.security.meter import Meter, open_meter
from backend.security.rate import address_key
from backend.security.tokens import bearer_token, matches, parse_key
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services.key_watch import KeyWatch
from backend.services.keys import pepper_of

if TYPE_CHECKING:
    from backend.security import jwks, jwt
else:
    jwks = Lazy("backend.security.jwks")
    jwt = Lazy("backend.security.jwt")

PROOF_SECONDS = 5.0
"""How long a key or token that was found good is believed without another look. A revoked key stops
within this time on requests, and within this and a second on connections that are open."""
PROOFS = 10_000


class Door(Protocol):
    """Tells who is behind a token."""

    async def verify(self, token: str) -> Viewer:
        """The viewer; raises Unauthenticated, or KeysUnavailable."""
        ...


class KeyDoor:
    """API keys, looked up in the database."""

    def __init__(self, store: Store, pepper: bytes) -> None:
        self._store = store
        self._pepper = pepper

    async def verify(self, token: str) -> Viewer:
        key = parse_key(token)
        async with self._store.database.read() as connection:
            found = await find_key(connection, key.id)
        known = matches(key, found.key_hash if found else None, self._pepper)
        if found is None or not known:
            raise Unauthenticated("The API key is not known.")
        if found.revoked_at is not None:
            raise Unauthenticated("The API key was revoked.")
        return Viewer(
            owner_id=found.owner,
            name=found.owner,
            scopes=tuple(found.scopes.split()),
            expires_at=found.expires_at,
            key_id=found.id,
        )


class Proofs:
    """Viewers by the token that proved them, for a moment. Tokens are kept as hashes alone."""

    def __init__(
        self,
        door: Door,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._door = door
        self._clock = clock
        self._now = now
        self._seen: OrderedDict[bytes, tuple[Viewer, float]] = OrderedDict()

    async def viewer(self, token: str) -> Viewer:
        """The viewer; raises Unauthenticated, or KeysUnavailable."""
        proof = sha256(token.encode("utf-8", "surrogatepass")).digest()
        viewer, seen_at = self._seen.get(proof, (None, 0.0))
        if viewer is None or self._clock() - seen_at >= PROOF_SECONDS:
            self._seen.pop(proof, None)
            viewer = await self._door.verify(token)
            self._seen[proof] = (viewer, self._clock())
            if len(self._seen) > PROOFS:
                self._seen.popitem(last=False)
        if viewer.expires_at is not None and viewer.expires_at <= self._now():
            raise Unauthenticated("The key or token has expired.")
        return viewer


class Authentication:
    """Makes callers, and keeps account of the connections they hold open."""

    def __init__(self, settings: Settings, store: Store) -> None:
        door = _door(settings, store)
        self._proofs = Proofs(door) if door is not None else None
        self.meter: Meter = open_meter(settings)
        of_owner = settings.unless_open(settings.connections_per_owner, 100)
        of_address = settings.unless_open(settings.connections_per_address, 1000)
        self._of_owner = Connections(of_owner, "for one owner")
        self._of_address = Connections(of_address, "from one address")
        self._watch = KeyWatch(store, PROOF_SECONDS)

    async def caller(self, credentials: Credentials, address: str) -> Caller:
        """Who asks; raises Unauthenticated, KeysUnavailable, Forbidden, Invalid."""
        viewer = LOCAL_VIEWER
        if self._proofs is not None:
            viewer = await _proven(self._proofs, credentials)
        admin = None
        if credentials.owner is not None:
            admin, viewer = _acting(viewer, credentials.owner)
        return Caller(viewer, address, admin, self.meter, self)

    def arrived(self, address: str) -> AbstractContextManager[None]:
        """Counts a connection of an address while the block lasts; raises LimitExceeded."""
        return self._of_address.held(address_key(address))

    @contextmanager
    def held(self, viewer: Viewer, end: Callable[[], None]) -> Iterator[None]:
        """Counts a connection while the block lasts; ``end`` is called if its key is revoked.

        Raises LimitExceeded.
        """
        with ExitStack() as stack:
            stack.enter_context(self._of_owner.held(viewer.owner_id))
            if viewer.key_id is not None:
                stack.enter_context(self._watch.held(viewer.key_id, end))
            yield

    async def close(self) -> None:
        """Lets go of what it holds."""
        await self._watch.close()
        await self.meter.limiter.close()


async def _proven(proofs: Proofs, credentials: Credentials) -> Viewer:
    token = bearer_token(credentials.authorization)
    if token is None:
        raise Unauthenticated("Say who is asking: Authorization: Bearer, a space, and a token.")
    return await proofs.viewer(token)


def _acting(viewer: Viewer, owner: str) -> tuple[str | None, Viewer]:
    """The admin and the viewer in whose place he acts; nobody's where it is himself."""
    if not viewer.may("admin"):
        raise Forbidden("Acting for an owner takes the scope admin.")
    owner = owner_name(owner)
    if owner == viewer.owner_id:
        return None, viewer
    return viewer.owner_id, replace(viewer, owner_id=owner, name=owner)


def _door(settings: Settings, store: Store) -> Door | None:
    if settings.auth == "keys":
        return KeyDoor(store, pepper_of(store))
    if settings.auth == "jwt":
        wanted = jwt.JwtSettings(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
            leeway=settings.jwt_leeway,
            scopes_claim=settings.jwt_scopes_claim or None,
            scope_prefix=settings.jwt_scope_prefix,
        )
        return jwt.JwtVerifier(wanted, jwks.KeySet(settings.jwks))
    return None
