"""API keys: what is stored of them, and what ends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from backend.errors import Invalid, NotFound
from backend.models import ApiKey
from backend.repositories.store import Store
from backend.security.tokens import parse_key
from backend.services.authentication import KeyDoor
from backend.services.keys import KeyService

PEPPER = "a pepper that only these tests know"


@pytest.fixture
def keys(store: Store) -> KeyService:
    """The service, over a database whose keys have this pepper."""
    database = store.database
    changed = {"key_pepper": type(database.settings.key_pepper)(PEPPER)}
    database.settings = database.settings.model_copy(update=changed)
    return KeyService(store)


async def test_nothing_that_is_stored_opens_anything(store: Store, keys: KeyService) -> None:
    key = await keys.create("ana", "phone", ["read"])
    async with store.database.read() as connection:
        [row] = (await connection.execute(select(*ApiKey.__table__.columns))).all()
    assert key.secret not in str(tuple(row))
    assert row.key_hash != key.secret
    assert len(row.key_hash) == 64


async def test_a_key_says_whose_it_is_and_what_it_may_do(store: Store, keys: KeyService) -> None:
    before = datetime.now(UTC)
    key = await keys.create("ana", "phone", ["write", "read"], timedelta(days=30))
    after = datetime.now(UTC)
    viewer = await KeyDoor(store, PEPPER.encode()).verify(key.reveal())
    assert (viewer.owner_id, viewer.scopes, viewer.key_id) == ("ana", ("read", "write"), key.id)
    assert viewer.expires_at is not None
    assert before <= viewer.expires_at - timedelta(days=30) <= after


async def test_the_list_has_all_of_them_oldest_first(keys: KeyService) -> None:
    made = [
        (await keys.create(owner, name, ["read"])).id
        for owner, name in (("ana", "phone"), ("bruno", "desk"), ("ana", "desk"))
    ]
    assert [key.id for key in await keys.list()] == made
    assert [key.id for key in await keys.list("ana")] == [made[0], made[2]]
    assert await keys.list("nobody") == []


async def test_a_revoked_key_stays_revoked_since_then(keys: KeyService) -> None:
    key = await keys.create("ana", "phone", ["read"])
    first = await keys.revoke(key.id)
    again = await keys.revoke(key.id)
    assert first.revoked_at is not None
    assert again.revoked_at == first.revoked_at


async def test_there_is_nothing_to_revoke(keys: KeyService) -> None:
    with pytest.raises(NotFound):
        await keys.revoke("0123456789abcdef")


@pytest.mark.parametrize(
    ("owner", "name", "scopes"),
    [
        ("", "phone", ["read"]),
        ("a" * 256, "phone", ["read"]),
        ("ana", "", ["read"]),
        ("ana", "a" * 101, ["read"]),
        ("ana", "a\nb", ["read"]),
        ("ana", "phone", []),
        ("ana", "phone", ["delete"]),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(
    keys: KeyService, owner: str, name: str, scopes: list[str]
) -> None:
    with pytest.raises(Invalid):
        await keys.create(owner, name, scopes)
    assert await keys.list() == []


async def test_another_pepper_ends_every_key(store: Store, keys: KeyService) -> None:
    key = await keys.create("ana", "phone", ["read"])
    with pytest.raises(Exception, match="not known"):
        await KeyDoor(store, b"another").verify(key.reveal())


async def test_the_key_shows_its_id_alone(keys: KeyService) -> None:
    key = await keys.create("ana", "phone", ["read"])
    assert key.secret not in repr(key)
    assert parse_key(key.reveal()) == key
