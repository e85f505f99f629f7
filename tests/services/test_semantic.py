"""Search by meaning and by both: what it finds, for whom, where, and in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.config import Settings
from backend.errors import EmbedderUnavailable, NoEmbedder
from backend.security.viewer import Viewer
from backend.services import semantic
from backend.services.container import Services
from backend.services.conversations import ConversationChanges
from backend.services.lexical import SearchFilter
from backend.services.search import HitPage
from tests.support.conversations import message_draft, say, stored_conversation
from tests.support.embedding import embed_all, embedding_services
from tests.support.embedding_server import EmbeddingServer


@pytest.fixture
async def searching(settings: Settings, endpoint: EmbeddingServer) -> AsyncIterator[Services]:
    """The services, asking that server."""
    async with embedding_services(settings, endpoint.settings()) as services:
        yield services


def texts(page: HitPage) -> list[str]:
    """What the hits say, best first."""
    return [hit.message.content for hit in page.rows]


async def test_other_words_are_found_by_meaning(searching: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, "my new automobile", "a cake with cherries", "so what")
    await embed_all(searching)
    by_words = await searching.search.search(viewer, "car", mode="lexical")
    by_meaning = await searching.search.search(viewer, "car", mode="semantic")
    by_both = await searching.search.search(viewer, "car")
    assert texts(by_words) == []
    assert texts(by_meaning)[0] == texts(by_both)[0] == "my new automobile"
    assert (by_words.mode, by_meaning.mode, by_both.mode) == ("lexical", "semantic", "hybrid")
    assert (by_both.rows[0].lexical_rank, by_both.rows[0].semantic_rank) == (None, 1)


async def test_both_ranks_are_told(searching: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, "the car", "an automobile", "nothing of the kind")
    await embed_all(searching)
    first, *rest = (await searching.search.search(viewer, "car")).rows
    assert first.message.content == "the car"
    assert (first.lexical_rank, first.semantic_rank) == (1, 1)
    ranks = {hit.message.content: (hit.lexical_rank, hit.semantic_rank) for hit in rest}
    assert ranks["an automobile"][1] == 2
    assert [hit.score for hit in rest] == sorted((hit.score for hit in rest), reverse=True)


async def test_nobody_elses(searching: Services, viewer: Viewer, other_viewer: Viewer) -> None:
    mine = await stored_conversation(searching, viewer)
    await say(searching, viewer, mine.id, "my automobile")
    theirs = await stored_conversation(searching, other_viewer)
    await say(searching, other_viewer, theirs.id, "their automobile", "their car")
    await embed_all(searching)
    search = searching.search.search
    assert texts(await search(viewer, "car", mode="semantic")) == ["my automobile"]
    assert set(texts(await search(other_viewer, "car"))) == {"their automobile", "their car"}
    chosen = SearchFilter(conversation_ids=(theirs.id,))
    assert texts(await search(viewer, "car", mode="semantic", chosen=chosen)) == []
    assert texts(await search(Viewer("nobody", "?"), "car", mode="semantic")) == []


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_every_filter_holds(searching: Services, viewer: Viewer, mode: Any) -> None:
    early = datetime(2020, 1, 1, tzinfo=UTC)
    one = await stored_conversation(searching, viewer, tags=["animals"])
    two = await stored_conversation(searching, viewer)
    said = [
        message_draft("automobile one", created_at=early),
        message_draft("automobile two", "assistant", created_at=early + timedelta(days=9)),
    ]
    await searching.messages.add(viewer, one.id, said)
    await say(searching, viewer, two.id, "automobile three")
    await searching.conversations.update(viewer, two.id, ConversationChanges(archived=True))
    await embed_all(searching)

    async def those(query: str = "car", **values: Any) -> set[str]:
        chosen = SearchFilter(**values)
        page = await searching.search.search(viewer, query, mode=mode, chosen=chosen)
        return {text.removeprefix("automobile ") for text in texts(page)}

    assert await those() == {"one", "two", "three"}
    assert await those(conversation_ids=(one.id,)) == {"one", "two"}
    assert await those(conversation_ids=()) == set()
    assert await those(excluded_conversation_ids=(one.id,)) == {"three"}
    assert await those(roles=("assistant",)) == {"two"}
    assert await those(after=early) == {"two", "three"}
    assert await those(before=early + timedelta(days=1)) == {"one"}
    assert await those(tags=("animals",)) == {"one", "two"}
    assert await those(include_archived=False) == {"one", "two"}
    assert await those('car "automobile two"') == {"two"}
    assert await those("car -two") == {"one", "three"}


async def test_a_filter_that_admits_few_of_the_nearest_is_looked_further_for(
    searching: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "RESCORED", 10)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, *("car" for _ in range(60)))
    await searching.messages.add(
        viewer, chat.id, [message_draft("a long ride by automobile", created_at=old)]
    )
    await embed_all(searching)
    chosen = SearchFilter(before=old + timedelta(days=1))
    page = await searching.search.search(viewer, "car", mode="semantic", chosen=chosen)
    assert texts(page) == ["a long ride by automobile"]


async def test_vectors_that_do_not_fit_in_memory_are_fetched(
    searching: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "RESCORED", 10)
    chat = await stored_conversation(searching, viewer)
    said = [f"{'car ' * (n % 4)}{'boat ' * (n % 3)}number {n}" for n in range(40)]
    await say(searching, viewer, chat.id, *said)
    await embed_all(searching)
    search = searching.search.search
    held = await search(viewer, "car", mode="semantic", first=40)
    monkeypatch.setattr(semantic, "CACHE_BYTES", 1)
    fetched = await search(viewer, "car", mode="semantic", first=40)
    assert texts(fetched) == texts(held)
    scores = [[hit.score for hit in page.rows] for page in (fetched, held)]
    assert scores[0] == pytest.approx(scores[1])
    [owned] = searching.search._semantic._owned.values()
    assert not owned.codes.is_whole
    await say(searching, viewer, chat.id, "an automobile")
    await embed_all(searching)
    assert "an automobile" in texts(await search(viewer, "car", mode="semantic", first=40))


@pytest.mark.parametrize("room", [256 * 2**20, 1])
async def test_what_is_deleted_is_not_found_and_leaves_the_memory(
    searching: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(semantic, "CACHE_BYTES", room)
    kept = await stored_conversation(searching, viewer)
    gone = await stored_conversation(searching, viewer)
    await say(searching, viewer, kept.id, "an automobile", "a cake")
    await say(searching, viewer, gone.id, *(f"car {n}" for n in range(20)))
    await embed_all(searching)
    search = searching.search.search
    assert len(texts(await search(viewer, "car", mode="semantic", first=40))) == 22
    await searching.conversations.delete(viewer, gone.id)
    assert texts(await search(viewer, "car", mode="semantic")) == ["an automobile", "a cake"]
    [owned] = searching.search._semantic._owned.values()
    assert len(owned.codes) == 2


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_pages_do_not_see_vectors_made_between_them(
    searching: Services, viewer: Viewer, mode: Any
) -> None:
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, *(f"car {'and ' * n}{n}" for n in range(30)))
    await embed_all(searching)
    search = searching.search.search
    whole = texts(await search(viewer, "car", mode=mode, first=200))
    seen: list[str] = []
    after = None
    while True:
        page = await search(viewer, "car", mode=mode, first=7, after=after)
        seen += texts(page)
        await say(searching, viewer, chat.id, "car car", "automobile")
        await embed_all(searching)
        if not page.has_next:
            break
        after = page.rows[-1].cursor
    assert seen == whole
    assert len(whole) == 30


async def test_deleted_chunks_are_forgotten(searching: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(searching, viewer)
    _, gone = await say(searching, viewer, chat.id, "car one", "car two")
    await embed_all(searching)
    search = searching.search.search
    assert len(texts(await search(viewer, "car", mode="semantic"))) == 2
    await searching.messages.delete(viewer, gone.id)
    assert texts(await search(viewer, "car", mode="semantic")) == ["car one"]
    await say(searching, viewer, chat.id, "car three")
    await embed_all(searching)
    assert set(texts(await search(viewer, "car", mode="semantic"))) == {"car one", "car three"}


async def test_without_an_embedder_meaning_is_an_error_and_both_are_words(
    services: Services, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "car")
    with pytest.raises(NoEmbedder):
        await services.search.search(viewer, "car", mode="semantic")
    page = await services.search.search(viewer, "car", mode="hybrid")
    assert (texts(page), page.mode) == (["car"], "lexical")


async def test_an_embedder_that_is_down_leaves_the_words(
    searching: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, "car", "automobile")
    await embed_all(searching)
    endpoint.down = True
    page = await searching.search.search(viewer, "car")
    assert (texts(page)[0], page.mode) == ("car", "lexical")
    assert {hit.semantic_rank for hit in page.rows} == {None}
    with pytest.raises(EmbedderUnavailable):
        await searching.search.search(viewer, "car", mode="semantic")
    endpoint.down = False
    page = await searching.search.search(viewer, "car")
    assert (set(texts(page)), page.mode) == ({"car", "automobile"}, "hybrid")


async def test_pages_of_one_search_ask_once(
    searching: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(searching, viewer)
    await say(searching, viewer, chat.id, *(f"car {n}" for n in range(9)))
    await embed_all(searching)
    before = endpoint.requests
    page = await searching.search.search(viewer, "car", first=3)
    await searching.search.search(viewer, "car", first=3, after=page.rows[-1].cursor)
    assert endpoint.requests == before + 1
