"""How long a proof is believed, and how connections that rest on it end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.repositories.store import Store
from backend.security.errors import Unauthenticated
from backend.security.viewer import Viewer
from backend.services.authentication import PROOF_SECONDS, PROOFS, KeyDoor, Proofs
from backend.services.key_watch import KeyWatch
from backend.services.keys import KeyService
from tests.support.apps import PEPPER, with_keys
from tests.support.statements import Statements


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingDoor:
    """Lets everybody in but Eve, and counts who came."""

    def __init__(self, expires_at: datetime | None = None) -> None:
        self.seen: list[str] = []
        self._expires_at = expires_at

    async def verify(self, token: str) -> Viewer:
        self.seen.append(token)
        if token == "eve":
            raise Unauthenticated("Not known.")
        return Viewer(token, token, expires_at=self._expires_at)


@pytest.fixture
def keys(store: Store) -> KeyService:
    """Keys of this database."""
    store.database.settings = with_keys(store.database.settings)
    return KeyService(store)


async def test_a_proof_is_believed_for_a_moment() -> None:
    clock, door = Clock(), CountingDoor()
    proofs = Proofs(door, clock)
    for _ in range(10):
        assert (await proofs.viewer("ana")).owner_id == "ana"
    clock.now += PROOF_SECONDS
    await proofs.viewer("ana")
    assert door.seen == ["ana", "ana"]


async def test_a_refusal_is_not_kept() -> None:
    door = CountingDoor()
    proofs = Proofs(door)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await proofs.viewer("eve")
    assert len(door.seen) == 3


async def test_a_proof_ends_when_it_expires_however_new_it_is() -> None:
    today = datetime.now(UTC)
    door = CountingDoor(today + timedelta(seconds=1))
    proofs = Proofs(door, now=lambda: today)
    await proofs.viewer("ana")
    today += timedelta(seconds=1)
    with pytest.raises(Unauthenticated, match="expired"):
        await proofs.viewer("ana")
    assert door.seen == ["ana"]


async def test_memory_is_bounded_and_holds_no_token() -> None:
    proofs = Proofs(CountingDoor())
    for number in range(PROOFS + 10):
        await proofs.viewer(f"token {number}")
    assert len(proofs._seen) == PROOFS
    assert not any(b"token" in proof for proof in proofs._seen)


async def test_a_revoked_key_stops_within_the_time_it_is_believed(
    store: Store, keys: KeyService
) -> None:
    clock = Clock()
    proofs = Proofs(KeyDoor(store, PEPPER.encode()), clock)
    key = await keys.create("ana", "phone", ["read"])
    await proofs.viewer(key.reveal())
    await keys.revoke(key.id)
    clock.now += PROOF_SECONDS
    with pytest.raises(Unauthenticated, match="revoked"):
        await proofs.viewer(key.reveal())


@pytest.fixture
async def watch(store: Store) -> AsyncIterator[KeyWatch]:
    """A watch that looks often."""
    watch = KeyWatch(store, 0.01)
    yield watch
    await watch.close()


async def test_connections_end_with_their_key(
    store: Store, keys: KeyService, watch: KeyWatch, statements: Statements
) -> None:
    made = [await keys.create("ana", name, ["read"]) for name in ("good", "bad")]
    ended: list[str] = []
    over = asyncio.Event()

    def end() -> None:
        ended.append("second")
        over.set()

    with watch.held(made[0].id, lambda: ended.append("first")), watch.held(made[1].id, end):
        await keys.revoke(made[1].id)
        async with asyncio.timeout(60):
            await over.wait()
    assert set(ended) == {"second"}
    statements.clear()
    await asyncio.sleep(0.1)
    assert statements.count <= 1, "nobody is left to look for"


async def test_a_thousand_connections_cost_one_look(
    store: Store, keys: KeyService, watch: KeyWatch, statements: Statements
) -> None:
    # It is revoked before anybody looks, so that the first look ends them.
    made = await keys.create("ana", "phone", ["read"])
    await keys.revoke(made.id)
    ended: list[int] = []
    over = asyncio.Event()

    def end() -> None:
        ended.append(1)
        over.set()

    holds = [watch.held(made.id, end) for _ in range(1000)]
    for hold in holds:
        hold.__enter__()
    statements.clear()
    async with asyncio.timeout(60):
        await over.wait()
    assert len(ended) == 1000
    [look] = statements.seen
    assert look.parameters == (made.id,)
    for hold in holds:
        hold.__exit__(None, None, None)
