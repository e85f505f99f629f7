"""Messages written piece by piece."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backend.errors import Conflict, Invalid, NotFound, OffsetMismatch, TooLarge
from backend.limits import CONTENT_BYTES
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.drafts import MessageDraft, Usage
from backend.services.live import change_cursor
from backend.services.messages import MessageChanges
from backend.utils.text_processor import normalise
from tests.support.conversations import stored_conversation
from tests.support.following import eventually, first
from tests.support.statements import Statements

ASSISTANT = MessageDraft(role="assistant")


async def test_what_is_appended_becomes_the_text(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    assert (begun.status, begun.content) == ("streaming", "")
    offset = await services.streaming.append(viewer, begun.id, 0, "Héllo ")
    assert offset == 6
    assert await services.streaming.append(viewer, begun.id, offset, "👋 world") == 13
    finished = await services.streaming.finish(
        viewer, begun.id, finish_reason="stop", usage=Usage(output_tokens=4)
    )
    assert (finished.status, finished.content) == ("complete", "Héllo 👋 world")
    assert (finished.finish_reason, finished.output_tokens) == ("stop", 4)
    assert finished.token_count > 0


async def test_the_same_piece_twice_changes_nothing(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "one ")
    await services.streaming.append(viewer, begun.id, 4, "two")
    assert await services.streaming.append(viewer, begun.id, 0, "one ") == 7
    finished = await services.streaming.finish(viewer, begun.id)
    assert finished.content == "one two"


@pytest.mark.parametrize(("offset", "text"), [(5, "gap"), (2, "x"), (0, "another")])
async def test_a_piece_that_does_not_join_on_is_told_where_to(
    services: Services, viewer: Viewer, offset: int, text: str
) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "one")
    with pytest.raises(OffsetMismatch) as refused:
        await services.streaming.append(viewer, begun.id, offset, text)
    assert refused.value.expected_offset == 3


async def test_readers_see_the_text_so_far(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "so far")
    async with services.store.read(viewer) as unit:
        assert (await unit.messages.get(begun.id)).content == "so far"


async def test_an_append_costs_the_same_at_any_length(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)

    async def cost(offset: int, text: str) -> tuple[int, int]:
        statements.clear()
        await services.streaming.append(viewer, begun.id, offset, text)
        return statements.count, statements.rows

    await cost(0, "x" * 100)
    short = await cost(100, "y" * 10)
    await cost(110, "z" * 100_000)
    assert await cost(100_110, "y" * 10) == short


async def test_a_message_has_a_limit_in_bytes(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    half = "é" * (CONTENT_BYTES // 4)
    await services.streaming.append(viewer, begun.id, 0, half)
    offset = await services.streaming.append(viewer, begun.id, len(half), half)
    with pytest.raises(TooLarge):
        await services.streaming.append(viewer, begun.id, offset, "x")


async def test_beginning_and_finishing_again_change_nothing(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    draft = MessageDraft(role="assistant", id="01930000-0000-7000-8000-000000000001")
    begun = await services.streaming.start(viewer, made.id, draft)
    await services.streaming.append(viewer, begun.id, 0, "text")
    again = await services.streaming.start(viewer, made.id, draft)
    assert (again.id, again.content) == (begun.id, "text")
    finished = await services.streaming.finish(viewer, begun.id)
    assert await services.streaming.finish(viewer, begun.id) == finished
    with pytest.raises(Conflict):
        await services.streaming.finish(viewer, begun.id, status="failed")
    with pytest.raises(Conflict):
        await services.streaming.append(viewer, begun.id, 4, "more")


async def test_an_open_message_is_not_edited(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    with pytest.raises(Conflict):
        await services.messages.update(viewer, begun.id, MessageChanges(content="other"))


async def test_parts_add_what_is_not_text(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "I look it up.")
    with pytest.raises(Invalid):
        await services.streaming.finish(
            viewer, begun.id, parts=[{"type": "text", "text": "Something else"}]
        )
    finished = await services.streaming.finish(
        viewer,
        begun.id,
        parts=[{"type": "tool_call", "call_id": "1", "name": "look", "arguments": {}}],
    )
    assert finished.content == "I look it up."
    assert "tool_call" in (finished.parts_json or "")


async def test_nobody_appends_to_what_is_not_his(
    services: Services, viewer: Viewer, other_viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    with pytest.raises(NotFound):
        await services.streaming.append(other_viewer, begun.id, 0, "x")
    with pytest.raises(NotFound):
        await services.streaming.finish(other_viewer, begun.id)


async def test_what_nobody_writes_any_more_becomes_incomplete(
    services: Services, viewer: Viewer, other_viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "kept")
    theirs = await stored_conversation(services, other_viewer)
    await services.streaming.start(other_viewer, theirs.id, ASSISTANT)
    assert await services.streaming.close_abandoned(timedelta(hours=1)) == 0
    assert await services.streaming.close_abandoned() == 2
    async with services.store.read(viewer) as unit:
        found = await unit.messages.get(begun.id)
    assert (found.status, found.content) == ("incomplete", "kept")


async def test_deleting_an_open_message_leaves_nothing(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "secret")
    await services.messages.delete(viewer, begun.id)
    async with services.store.read(viewer) as unit:
        assert await unit.chunks.list_by_messages([begun.id]) == {}


@given(
    pieces=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6),
    joins_after=st.integers(0, 6),
)
@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_a_follower_adds_up_is_what_is_stored(
    services: Services, viewer: Viewer, pieces: list[str], joins_after: int
) -> None:
    """Whenever he joins: at the beginning, in the middle, after it is finished."""
    pieces = [clean for piece in pieces if (clean := normalise(piece))]
    made = await stored_conversation(services, viewer, messages=1)
    cursor = change_cursor(made.id, made.revision)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    follower: asyncio.Task[str] | None = None
    offset = 0
    for number, piece in enumerate(pieces):
        if number == joins_after:
            follower = asyncio.create_task(_added_up(services, viewer, made.id, cursor))
            await eventually(lambda: services.live.followers)
        offset = await services.streaming.append(viewer, begun.id, offset, piece)
    finished = await services.streaming.finish(viewer, begun.id)
    follower = follower or asyncio.create_task(_added_up(services, viewer, made.id, cursor))
    assert await follower == finished.content == "".join(pieces)


async def _added_up(services: Services, viewer: Viewer, conversation_id: str, cursor: str) -> str:
    """The text as a client keeps it: pieces must join on, a whole message takes their place."""
    text = ""
    changes = services.live.conversation(viewer, conversation_id, cursor)
    try:
        async for change in changes:
            record = change.record
            if record.kind == "delta":
                assert record.offset == len(text)
                text += record.text
            elif record.message is not None:
                assert record.message.content.startswith(text)
                text = record.message.content
                if record.message.status == "complete":
                    break
    finally:
        await changes.aclose()
    return text


async def test_one_who_joins_at_once_misses_nothing(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    begun = await services.streaming.start(viewer, made.id, ASSISTANT)
    await services.streaming.append(viewer, begun.id, 0, "a")
    found = await first(services.live.conversation(viewer, made.id, change_cursor(made.id, 1)), 2)
    assert [change.record.kind for change in found] == ["added", "delta"]
