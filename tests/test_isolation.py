"""Nobody sees, changes or can tell that there is what belongs to somebody else.

Bruno asks everything that can be asked with Ana's ids and cursors, twice: in a world in which she
has chats, and in one in which she never was. What he is answered must be the same to the letter.
What is added to the schema or to REST and is not tried here makes these tests fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from backend.config import Settings
from tests.isolation import addresses, asking
from tests.isolation.coverage import Tried, fields_of, places_of
from tests.isolation.following import MARK, also_following, follow
from tests.isolation.worlds import (
    CONVERSATIONS,
    CORE,
    CURSORS,
    MESSAGES,
    OWN,
    OWN_ANSWER,
    OWN_FIRST,
    SECRET,
    TREE,
    World,
    all_of,
    into_a_segment,
    settle_ana,
    world,
)
from tests.support.databases import Databases, settings_for

Worlds = tuple[World, World]
ANA_FOLLOWS = (
    f'subscription {{ conversationEvents(conversationId: "{TREE}") {{ __typename }} }}',
    "subscription { conversationChanged { cursor } }",
)


@pytest.fixture
def other_settings(databases: Databases) -> Settings:
    """Settings for another database of the test's own."""
    return settings_for(databases.clone())


@pytest.fixture
async def worlds(settings: Settings, other_settings: Settings) -> AsyncIterator[Worlds]:
    """The world with Ana's chats, and the one without. Her cursors are known in both."""
    # However long it takes, nobody closes the message that Ana has not finished.
    patient = {"stream_idle_seconds": 86_400.0}
    async with (
        world(settings.model_copy(update=patient)) as full,
        world(other_settings.model_copy(update=patient)) as bare,
    ):
        cursors = await settle_ana(full.ana)
        # The others wait, so that both halves of her index are there.
        await into_a_segment(full, "ana", 2)
        full.is_full = True
        for each in (full, bare):
            each.cursors = cursors
            await bruno_begins(each)
        yield full, bare


async def bruno_begins(where: World) -> None:
    """Bruno's own conversation."""
    said = [
        {"id": OWN_FIRST, "role": "user", "content": "Bruno asks"},
        {"id": OWN_ANSWER, "role": "assistant", "content": "Bruno is answered"},
    ]
    body = {"id": OWN, "title": "Bruno's", "messages": said}
    answer = await where.bruno.post("/api/chats", json=body)
    assert answer.status_code == 201, answer.text
    await into_a_segment(where, "bruno", 1)


def compare(worlds: Worlds) -> None:
    """Fails where Bruno was answered otherwise because there is Ana."""
    full, bare = worlds
    assert len(full.seen) == len(bare.seen)
    for (asked, told), (_, expected) in zip(full.seen, bare.seen, strict=True):
        assert told == expected, asked
        assert "INTERNAL" not in told, asked
        assert "VALIDATION_FAILED" not in told, asked
        assert SECRET not in told, asked


async def test_queries_and_mutations(worlds: Worlds) -> None:
    before = await all_of(worlds[0].ana)
    for each in worlds:
        for questions in (
            asking.reads(each.cursors),
            asking.writes(),
            asking.takes(),
            asking.reads(each.cursors),
            asking.writes(),
        ):
            for question in questions:
                await each.ask(question)
        each.see("all that he has", await all_of(each.bruno))
    compare(worlds)
    assert await all_of(worlds[0].ana) == before


async def test_addresses_of_rest(worlds: Worlds) -> None:
    full, _ = worlds
    before = await all_of(full.ana)
    document = (await full.bruno.get("/openapi.json")).json()
    for each in worlds:
        for takes in (False, True, False):
            if takes:
                await bruno_begins(each)  # He has deleted it by now.
            for call in addresses.calls(document, each.cursors, takes=takes):
                await each.rest(call.operation, call.method, call.path, **call.sent)
        each.see("all that he has", await all_of(each.bruno))
    compare(worlds)
    assert await all_of(full.ana) == before
    assert addresses.streams_of(document) == set(addresses.STREAMS)
    places = {each for each in addresses.places_of(document) if each[0] not in addresses.STREAMS}
    assert places - full.asked == set()


async def test_what_is_followed(worlds: Worlds) -> None:
    for each in worlds:
        hers = ANA_FOLLOWS if each.is_full else ()
        async with also_following(each.app, _headers(each.ana), *hers):
            await listen_to_all(each)
            for question in asking.takes():
                await each.ask(question)
            await listen_to_all(each)
    compare(worlds)


async def listen_to_all(where: World) -> None:
    """Follows everything that can be followed with Ana's ids and cursors."""
    for question in asking.subscriptions(where.cursors):
        body = {"query": question.text, "variables": question.variables}
        await listen(where, str(question), "/graphql", body=body)
    for chat in (TREE, OWN):
        path = f"/api/chats/{chat}/events"
        cursor = where.cursors["event"]
        await listen(where, path, path)
        await listen(where, f"{path} after", path, query=f"after={cursor}")
        await listen(where, f"{path} last", path, headers={"Last-Event-ID": cursor})


async def listen(
    where: World,
    label: str,
    path: str,
    *,
    body: object = None,
    query: str = "",
    headers: dict[str, str] | None = None,
) -> None:
    """Follows something as Bruno while Ana writes to what is hers, then he to what is his."""

    async def stir() -> None:
        if where.is_full:
            said = {"role": "user", "content": SECRET}
            await where.ana.post(f"/api/chats/{TREE}/messages", json=said)
        marked = {"role": "user", "content": MARK}
        for chat in (OWN, TREE):
            await where.bruno.post(f"/api/chats/{chat}/messages", json=marked)
        await where.bruno.patch(f"/api/chats/{OWN}", json={"title": MARK})
        await where.bruno.patch(f"/api/chats/{OWN}", json={"title": "Bruno's"})

    sent = {**_headers(where.bruno), **(headers or {})}
    where.see(label, await follow(where.app, path, stir, headers=sent, query=query, body=body))


def _headers(client: httpx.AsyncClient) -> dict[str, str]:
    return {
        "Authorization": client.headers["Authorization"],
        "Host": "localhost",
        "Accept": "text/event-stream",
        "Content-Type": "application/json",
    }


def test_everything_in_the_schema_is_tried() -> None:
    cursors = {name: f"cursor-of-{name}" for name in (*CURSORS, "owner")}
    tried = Tried(CORE, {*CONVERSATIONS, *MESSAGES, *cursors.values()})
    for questions in (
        asking.reads(cursors),
        asking.writes(),
        asking.takes(),
        asking.subscriptions(cursors),
    ):
        for question in questions:
            tried.add(question.text, question.variables)
    assert fields_of(CORE) - tried.fields == set()
    assert places_of(CORE) - tried.places == set()
