"""Adding messages: where they hang, and what sending them again does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.errors import Conflict, ConversaError, Invalid, NotFound
from backend.ids import new_id
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.drafts import Usage
from backend.services.messages import MessageChanges
from tests.support.conversations import (
    active_branch,
    contents,
    conversation_now,
    message_draft,
    message_now,
    say,
    stored_conversation,
    turns,
)
from tests.support.invariants import sound_conversation
from tests.support.statements import Statements

MOMENT = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


class TestAdding:
    """New messages, new branches."""

    async def test_message_is_stored_as_given(self, services: Services, viewer: Viewer) -> None:
        made = await stored_conversation(services, viewer)
        draft = message_draft(
            "Olá 🦜",
            "assistant",
            id=new_id(),
            name="Ana",
            model="some-model",
            usage=Usage(1, 2, 3),
            metadata={"b": [1, None, "ü"]},
            created_at=MOMENT,
        )
        (added,) = await services.messages.add(viewer, made.id, [draft])
        stored = await message_now(services.store, viewer, added.id)
        assert stored == added
        assert (stored.id, stored.content, stored.role) == (draft.id, "Olá 🦜", "assistant")
        assert (stored.name, stored.model, stored.created_at) == ("Ana", "some-model", MOMENT)
        assert (stored.input_tokens, stored.output_tokens, stored.reasoning_tokens) == (1, 2, 3)
        assert stored.metadata_json == '{"b":[1,null,"ü"]}'

    async def test_without_a_parent_it_continues_what_is_shown(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=2)
        await say(services, viewer, made.id, "3", "4")
        shown = await active_branch(services.store, viewer, made.id)
        assert contents(shown) == ["1", "2", "3", "4"]

    async def test_below_an_earlier_message_it_starts_a_branch(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=4)
        whole = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "beside", parent_id=whole[1].id)
        stored = await sound_conversation(services.store, viewer, made.id)
        assert contents(stored.active) == ["1", "2", "beside"]
        assert len(stored.messages) == 5

    async def test_below_a_hidden_message_it_shows_that_branch(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=4)
        whole = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "beside", parent_id=whole[0].id)
        before = await conversation_now(services.store, viewer, made.id)
        await say(services, viewer, made.id, "5", parent_id=whole[3].id)
        stored = await sound_conversation(services.store, viewer, made.id)
        assert contents(stored.active) == ["1", "2", "3", "4", "5"]
        assert stored.conversation.own_revision > before.revision

    async def test_continuing_is_no_change_of_the_conversation_itself(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        await say(services, viewer, made.id, "2")
        after = await conversation_now(services.store, viewer, made.id)
        assert after.own_revision == made.own_revision
        assert after.revision == made.revision + 1

    async def test_appending_reads_and_writes_the_same_at_any_length(
        self, services: Services, viewer: Viewer, statements: Statements
    ) -> None:
        seen = []
        made = await stored_conversation(services, viewer, messages=1)
        for start in (1, 2, 500):
            await services.messages.add(viewer, made.id, turns(start, 1)[:250])
            statements.clear()
            await say(services, viewer, made.id, "one more")
            seen.append((statements.count, statements.rows))
        assert len(set(seen)) == 1

    async def test_parent_of_another_conversation_is_not_found(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        other = await stored_conversation(services, viewer, messages=1)
        (there,) = await active_branch(services.store, viewer, other.id)
        with pytest.raises(NotFound) as refused:
            await say(services, viewer, made.id, "x", parent_id=there.id)
        assert refused.value.field == ("parentId",)

    @pytest.mark.parametrize("naive", [False, True])
    async def test_moment_no_database_could_order_is_refused(
        self, services: Services, viewer: Viewer, naive: bool
    ) -> None:
        made = await stored_conversation(services, viewer)
        moment = datetime.fromisoformat("0001-01-01T00:00:00" + ("" if naive else "+14:00"))
        with pytest.raises(Invalid) as refused:
            await services.messages.add(viewer, made.id, [message_draft(created_at=moment)])
        assert refused.value.field == ("createdAt",)

    @pytest.mark.parametrize(
        "conversation_id",
        ["", "nonsense", "🦜", "01900000-0000-7000-8000-000000000001", "\ud800", "\0"],
    )
    async def test_conversation_that_is_none_is_not_found(
        self, services: Services, viewer: Viewer, conversation_id: str
    ) -> None:
        with pytest.raises(NotFound):
            await say(services, viewer, conversation_id, "x")

    async def test_id_may_be_written_in_upper_case(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        message_id = new_id()
        draft = message_draft("1", id=message_id.upper())
        (added,) = await services.messages.add(viewer, made.id.upper(), [draft])
        await services.messages.add(viewer, made.id, [message_draft("1", id=message_id)])
        await say(services, viewer, made.id, "2", parent_id=message_id.upper())
        assert added.id == message_id
        assert contents(await active_branch(services.store, viewer, made.id)) == ["1", "2"]


class TestSendingAgain:
    """A message's id makes sending it harmless."""

    async def test_the_same_again_changes_nothing(self, services: Services, viewer: Viewer) -> None:
        made = await stored_conversation(services, viewer, messages=2)
        drafts = [replace(each, id=new_id()) for each in turns(3, 3)]
        first = await services.messages.add(viewer, made.id, drafts)
        before = await conversation_now(services.store, viewer, made.id)
        assert await services.messages.add(viewer, made.id, drafts) == first
        assert await conversation_now(services.store, viewer, made.id) == before

    async def test_the_same_again_is_the_same_after_an_edit(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        draft = message_draft("first", id=new_id())
        (added,) = await services.messages.add(viewer, made.id, [draft])
        await services.messages.update(viewer, added.id, MessageChanges(content="second"))
        (again,) = await services.messages.add(viewer, made.id, [draft])
        assert again.content == "second"

    @pytest.mark.parametrize(
        "other",
        [
            {"content": "other"},
            {"role": "assistant"},
            {"name": "Bruno"},
            {"model": "other"},
            {"metadata": {"a": 2}},
            {"usage": Usage(2)},
            {"created_at": MOMENT},
            {"content": None, "parts": [{"type": "reasoning", "text": "said"}]},
        ],
    )
    async def test_the_same_id_with_other_content_is_a_conflict(
        self, services: Services, viewer: Viewer, other: dict[str, Any]
    ) -> None:
        made = await stored_conversation(services, viewer)
        draft = message_draft("said", id=new_id(), name="Ana", model="m", metadata={"a": 1})
        await services.messages.add(viewer, made.id, [draft])
        await self._refused(services, viewer, made.id, [replace(draft, **other)])

    async def test_the_same_id_in_another_conversation_is_a_conflict(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        other = await stored_conversation(services, viewer)
        draft = message_draft("said", id=new_id())
        await services.messages.add(viewer, made.id, [draft])
        await self._refused(services, viewer, other.id, [draft])

    async def test_the_same_id_below_another_parent_is_a_conflict(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3)
        whole = await active_branch(services.store, viewer, made.id)
        draft = message_draft("said", id=new_id())
        await services.messages.add(viewer, made.id, [draft], parent_id=whole[1].id)
        await self._refused(services, viewer, made.id, [draft], parent_id=whole[2].id)
        await self._refused(services, viewer, made.id, [draft], new_root=True)

    async def test_stored_messages_out_of_their_order_are_a_conflict(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        one, two, three = [replace(each, id=new_id()) for each in turns(3)]
        await services.messages.add(viewer, made.id, [one, two])
        await self._refused(services, viewer, made.id, [one, three, two])
        await self._refused(services, viewer, made.id, [two, one])

    async def test_what_is_new_behind_what_is_stored_is_added(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        one, two, three = [replace(each, id=new_id()) for each in turns(3)]
        await services.messages.add(viewer, made.id, [one, two])
        await services.messages.add(viewer, made.id, [one, two, three])
        assert contents(await active_branch(services.store, viewer, made.id)) == ["1", "2", "3"]

    async def test_one_id_twice_in_a_request_is_refused(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        draft = message_draft("said", id=new_id())
        await self._refused(services, viewer, made.id, [draft, draft], kind=Invalid)

    async def test_a_deleted_message_can_be_sent_again(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        draft = message_draft("said", id=new_id())
        (added,) = await services.messages.add(viewer, made.id, [draft])
        await services.messages.delete(viewer, added.id)
        (again,) = await services.messages.add(viewer, made.id, [draft])
        assert again.added_revision > added.added_revision
        stored = await sound_conversation(services.store, viewer, made.id)
        assert stored.tombstones == {}

    async def _refused(
        self,
        services: Services,
        viewer: Viewer,
        conversation_id: str,
        drafts: list[Any],
        *,
        kind: type[ConversaError] = Conflict,
        **where: Any,
    ) -> None:
        before = await sound_conversation(services.store, viewer, conversation_id)
        with pytest.raises(kind):
            await services.messages.add(viewer, conversation_id, drafts, **where)
        assert await sound_conversation(services.store, viewer, conversation_id) == before


class TestAllOrNothing:
    """Several messages at once."""

    async def test_one_bad_message_keeps_the_others_out(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        drafts = [*turns(2, 2), message_draft("x", "nobody", path=("messages", "2"))]
        with pytest.raises(Invalid) as refused:
            await services.messages.add(viewer, made.id, drafts)
        assert refused.value.field == ("messages", "2", "role")
        assert await conversation_now(services.store, viewer, made.id) == made

    async def test_one_conflict_keeps_the_others_out(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        taken = message_draft("taken", id=new_id())
        other = await stored_conversation(services, viewer)
        await services.messages.add(viewer, other.id, [taken])
        with pytest.raises(Conflict):
            await services.messages.add(viewer, made.id, [*turns(2, 2), taken])
        assert await conversation_now(services.store, viewer, made.id) == made
