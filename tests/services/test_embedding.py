"""Vectors: everything gets one, once, and nothing that is gone keeps one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from backend import tasks
from backend.config import Settings
from backend.errors import EmbedderUnavailable
from backend.repositories.embedding_queue import lease
from backend.retrieval.embedder import EmbedderRejected
from backend.security.viewer import Viewer
from backend.services import embedding
from backend.services.container import Services
from backend.services.messages import MessageChanges
from backend.utils.recalled import recalled_form, recalled_line
from tests.support.conversations import message_draft, say, stored_conversation
from tests.support.embedding import count_rows, embed_all, embedding_services, list_problems
from tests.support.embedding_server import EmbeddingServer
from tests.support.statements import counted


@pytest.fixture
async def services(settings: Settings, endpoint: EmbeddingServer) -> AsyncIterator[Services]:
    """The services, asking that server."""
    async with embedding_services(settings, endpoint.settings()) as services:
        yield services


async def held(services: Services) -> tuple[int, int]:
    """How many vectors there are, and how many chunks wait."""
    vectors, queue = "chunk_vectors", "embedding_queue"
    return await count_rows(services, vectors), await count_rows(services, queue)


async def test_what_is_said_is_queued_in_its_write_and_embedded_after(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "the cat sat", "on the mat")
    assert await count_rows(services, "embedding_queue") == 2
    assert endpoint.said("the cat sat") == 0
    lag = await embed_all(services)
    assert (lag.state, lag.waiting, lag.refused) == ("ready", 0, 0)
    assert await held(services) == (2, 0)
    assert endpoint.said("the cat sat") == 1
    assert await list_problems(services) == []


async def test_what_was_there_before_is_made_up_for(
    settings: Settings, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    async with embedding_services(settings, {}) as without:
        chat = await stored_conversation(without, viewer)
        await say(without, viewer, chat.id, *(f"number {n}" for n in range(70)))
        assert await count_rows(without, "embedding_queue") == 0
        assert await without.embedding.lag() is None
    async with embedding_services(settings, endpoint.settings()) as services:
        await embed_all(services)
        assert await count_rows(services, "chunk_vectors") == 70
        assert set(endpoint.asked.values()) == {1}
        assert await list_problems(services) == []


async def test_one_text_is_asked_once(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(services, viewer)
    said = await say(services, viewer, chat.id, "yes", "yes", "no")
    await embed_all(services)
    await services.conversations.fork(viewer, said[-1].id)
    await say(services, viewer, chat.id, "yes")
    await embed_all(services)
    assert (endpoint.said("yes"), endpoint.said("no")) == (1, 1)
    assert await count_rows(services, "chunk_vectors") == 7
    assert await list_problems(services) == []


async def test_what_was_recalled_gets_no_vector_again(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(services, viewer)
    line = recalled_line(
        conversation="Tea", said_at=datetime.now(UTC), role="user", name=None, text="Earl Grey"
    )
    prompt = recalled_form([line])["content"]
    await say(services, viewer, chat.id, f"Before.\n{prompt}\nAfter.")
    await embed_all(services)
    [asked] = [text for text in endpoint.asked if "Before." in text]
    assert "After." in asked
    assert "Earl" not in asked
    assert await list_problems(services) == []


async def test_what_is_gone_leaves_no_vector(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(services, viewer)
    first, second = await say(services, viewer, chat.id, "one", "two")
    await embed_all(services)
    await services.messages.update(viewer, second.id, MessageChanges(content="three"))
    assert await held(services) == (1, 1)
    await embed_all(services)
    assert endpoint.said("three") == 1
    await services.messages.delete(viewer, first.id)
    assert await count_rows(services, "chunk_vectors") == 0
    await say(services, viewer, chat.id, "four")
    await services.conversations.delete(viewer, chat.id)
    assert await held(services) == (0, 0)
    await embed_all(services)
    assert endpoint.said("four") == 0
    assert await list_problems(services) == []


async def test_a_streamed_message_waits_until_it_is_finished(
    services: Services, viewer: Viewer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    message = await services.streaming.start(viewer, chat.id, message_draft(None, "assistant"))
    await services.streaming.append(viewer, message.id, 0, "the cat")
    assert await count_rows(services, "embedding_queue") == 0
    await services.streaming.finish(viewer, message.id)
    assert await count_rows(services, "embedding_queue") == 1


async def test_workers_do_not_do_each_others_work(
    settings: Settings,
    services: Services,
    viewer: Viewer,
    endpoint: EmbeddingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However slow one is, he is not taken for dead.
    monkeypatch.setattr(embedding, "LEASE", timedelta(hours=1))
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, *(f"number {n}" for n in range(200)))
    async with embedding_services(settings, endpoint.settings()) as others:
        await asyncio.gather(embed_all(services), embed_all(others))
    assert {endpoint.said(f"number {n}") for n in range(200)} == {1}
    assert await count_rows(services, "chunk_vectors") == 200
    assert await list_problems(services) == []


async def test_work_of_the_dead_is_done_once_their_lease_has_ended(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "one", "two")
    now = datetime.now(UTC)
    async with services.store.database.write() as connection:
        model = (await services.embedding.models.target()).id
        assert len(await lease(connection, model, now, now + timedelta(seconds=0.5), 9)) == 2
        assert await lease(connection, model, now, now + timedelta(seconds=9), 9) == []
    assert (await embed_all(services)).waiting == 0
    assert datetime.now(UTC) > now + timedelta(seconds=0.5)
    assert (endpoint.said("one"), endpoint.said("two")) == (1, 1)


async def test_a_server_that_is_down_costs_nothing_but_time(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    endpoint.down = True
    await say(services, viewer, chat.id, "the cat sat")
    with pytest.raises(EmbedderUnavailable):
        await embed_all(services)
    assert await count_rows(services, "embedding_queue") == 1
    endpoint.down = False
    assert (await embed_all(services)).waiting == 0
    assert await count_rows(services, "chunk_vectors") == 1


async def test_a_text_that_is_refused_keeps_no_other_from_its_vector(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    endpoint.refused = "poison"
    await say(services, viewer, chat.id, "one", "poison", "two")
    lag = await embed_all(services)
    assert (lag.waiting, lag.refused) == (0, 1)
    assert await count_rows(services, "chunk_vectors") == 2
    asked = endpoint.said("poison")
    await embed_all(services)
    assert endpoint.said("poison") == asked
    assert await list_problems(services) == []


async def test_vectors_of_another_length_are_not_stored(
    services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    endpoint.dimensions = 100
    await say(services, viewer, chat.id, *(f"number {n}" for n in range(9)))
    with pytest.raises(EmbedderUnavailable, match="of 256"):
        await embed_all(services)
    assert await held(services) == (0, 9)
    async with services.store.database.read() as connection:
        attempts = await connection.scalar(sa.text("SELECT max(attempts) FROM embedding_queue"))
    assert attempts == 0


async def test_another_model_takes_over_once_it_has_everything(
    settings: Settings, services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, *(f"the cat number {n}" for n in range(40)))
    await embed_all(services)
    async with embedding_services(settings, endpoint.settings("other")) as changed:
        target = await changed.embedding.models.target()
        serves = await changed.embedding.models.serving()
        assert serves is not None
        assert target.record.name.startswith("other/")
        assert serves.record.name.startswith("words/")
        page = await changed.search.search(viewer, "feline", mode="semantic")
        assert page.rows[0].message.content.startswith("the cat")
        await say(changed, viewer, chat.id, "said meanwhile")
        assert await count_rows(changed, "embedding_queue") == 2
        lag = await embed_all(changed)
        assert (lag.state, lag.model) == ("ready", target.record.name)
        serves = await changed.embedding.models.serving()
        assert serves is not None
        assert serves.id == target.id
        assert await count_rows(changed, "chunk_vectors") == 41
        assert await count_rows(changed, "embedding_queue") == 0
        page = await changed.search.search(viewer, "feline", mode="semantic")
        assert page.rows[0].message.content.startswith("the cat")
        assert await list_problems(changed) == []


async def test_a_model_that_is_not_to_be_had_any_more_is_not_waited_for(
    settings: Settings, services: Services, viewer: Viewer, endpoint: EmbeddingServer
) -> None:
    await embed_all(services)
    async with services.store.database.write() as connection:
        gone = '{"place": "/no/such/folder"}'
        await connection.execute(
            sa.text("UPDATE embedding_models SET source = :gone"), {"gone": gone}
        )
    async with embedding_services(settings, endpoint.settings("other")) as changed:
        target = await changed.embedding.models.target()
        assert target.record.serving


async def test_an_embedder_costs_an_append_one_statement(
    services: Services, viewer: Viewer
) -> None:
    await embed_all(services)
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "one")
    with counted(services.store.database) as statements:
        await say(services, viewer, chat.id, "two")
    about = [each.sql for each in statements.seen if "search_" in each.sql or "embed" in each.sql]
    # The index has a counter and two tables, which one database changes by one statement.
    assert len(about) == 1 + (1 if services.store.database.has_single_statements else 3)


async def test_a_folder_without_a_model_is_refused(settings: Settings) -> None:
    async with embedding_services(settings, {"embedder": "no/such/folder"}) as services:
        with pytest.raises(EmbedderRejected, match="holds no model"):
            await services.embedding.models.target()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE chunk_vectors SET text_hash = vector", "is of another text"),
        ("UPDATE chunk_vectors SET vector = text_hash", "has another length"),
        ("DELETE FROM chunk_vectors", "no vector of"),
        (
            "INSERT INTO embedding_queue SELECT owner_id, number, model_id,"
            " CURRENT_TIMESTAMP, 0 FROM chunk_vectors",
            "it waits for a vector it has",
        ),
    ],
)
async def test_check_tells_what_is_wrong(
    services: Services, viewer: Viewer, change: str, told: str
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "the cat sat")
    await embed_all(services)
    assert await list_problems(services) == []
    async with services.store.database.write() as connection:
        await connection.execute(sa.text(change))
    [problem] = await list_problems(services)
    assert told in problem


@pytest.mark.parametrize("steps", range(6))
async def test_a_keeper_ends_that_is_closed_as_it_is_woken(
    services: Services, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER", 3600.0)
    keeper = services.embedding
    keeper.start()
    while (lag := await keeper.lag()) is None or lag.state != "ready":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    keeper.wake.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    _, running = await asyncio.wait({asyncio.create_task(keeper.close())}, timeout=60)
    assert not running
