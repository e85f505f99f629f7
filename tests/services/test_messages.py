"""Editing, deleting and judging messages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backend.errors import Conflict, NotFound
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.messages import MessageChanges
from tests.support.conversations import (
    active_branch,
    contents,
    conversation_now,
    message_now,
    say,
    stored_conversation,
)
from tests.support.invariants import sound_conversation

MOMENT = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


class TestEditing:
    """Changing what is there."""

    async def test_earlier_texts_are_kept_in_order(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        for text in ("two", "three", "three"):
            await services.messages.update(viewer, said.id, MessageChanges(content=text))
        async with store.read(viewer) as unit:
            versions = (await unit.versions.list_by_messages([said.id]))[said.id]
        assert [version.content for version in versions] == ["one", "two"]
        assert [version.number for version in versions] == [1, 2]

    async def test_expected_revision_that_matches_lets_it_through(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        changed = await services.messages.update(
            viewer, said.id, MessageChanges(content="two", expected_revision=said.revision)
        )
        assert changed.revision == said.revision + 1
        assert changed.edited_at is not None
        assert changed == await message_now(services.store, viewer, said.id)

    async def test_expected_revision_that_does_not_match_is_a_conflict_with_the_current_one(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        changes = MessageChanges(content="two", expected_revision=said.revision - 1)
        with pytest.raises(Conflict) as refused:
            await services.messages.update(viewer, said.id, changes)
        assert refused.value.current_revision == said.revision
        assert await message_now(services.store, viewer, said.id) == said

    async def test_metadata_changes_without_an_edit(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        changed = await services.messages.update(viewer, said.id, MessageChanges(metadata={"a": 1}))
        assert changed.edited_at is None
        assert changed.content == "one"
        cleared = await services.messages.update(viewer, said.id, MessageChanges(metadata={}))
        assert cleared.metadata_json is None

    @pytest.mark.parametrize("changes", [MessageChanges(), MessageChanges(content="one")])
    async def test_no_change_is_no_revision(
        self, services: Services, viewer: Viewer, changes: MessageChanges
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        assert await services.messages.update(viewer, said.id, changes) == said
        after = await conversation_now(services.store, viewer, made.id)
        assert after.revision == said.revision

    async def test_feedback_is_replaced(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        (said,) = await say(services, viewer, made.id, "one")
        await services.messages.set_feedback(viewer, said.id, rating=-1, comment="no", tags=["a"])
        judged = await services.messages.set_feedback(viewer, said.id, rating=1)
        async with store.read(viewer) as unit:
            feedback = (await unit.feedback.list_by_messages([said.id]))[said.id]
        assert (feedback.rating, feedback.comment, feedback.tags_json) == (1, None, "[]")
        assert judged.revision == said.revision + 2


class TestDeleting:
    """What goes with a message, and what is shown then."""

    async def test_what_hangs_below_goes_too_and_leaves_only_that_it_went(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=5)
        whole = await active_branch(services.store, viewer, made.id)
        conversation_id, deleted = await services.messages.delete(viewer, whole[2].id)
        assert conversation_id == made.id
        assert deleted == [row.id for row in whole[2:]]
        stored = await sound_conversation(services.store, viewer, made.id)
        assert contents(stored.active) == ["1", "2"]
        assert list(stored.tombstones) == deleted

    async def test_the_newest_alternative_is_shown_instead(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=2)
        one, two = await active_branch(services.store, viewer, made.id)
        (beside,) = await say(services, viewer, made.id, "beside", parent_id=one.id)
        await say(services, viewer, made.id, "on")
        await services.conversations.select_branch(viewer, two.id)
        await services.messages.delete(viewer, two.id)
        stored = await sound_conversation(services.store, viewer, made.id)
        assert contents(stored.active) == ["1", "beside", "on"]
        assert stored.active[1].id == beside.id

    async def test_the_last_message_leaves_an_empty_conversation(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        (only,) = await active_branch(services.store, viewer, made.id)
        await services.messages.delete(viewer, only.id)
        after = (await sound_conversation(services.store, viewer, made.id)).conversation
        assert (after.message_count, after.last_message_at) == (0, None)
        assert after.last_activity_at == made.created_at

    async def test_without_descendants_they_hang_one_higher(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=5)
        whole = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "beside", parent_id=whole[1].id)
        _, deleted = await services.messages.delete(viewer, whole[1].id, descendants=False)
        stored = await sound_conversation(services.store, viewer, made.id)
        assert deleted == [whole[1].id]
        assert contents(stored.active) == ["1", "beside"]
        assert len(stored.messages) == 5

    @pytest.mark.parametrize("message_id", ["nonsense", "01900000-0000-7000-8000-000000000001"])
    async def test_what_is_not_there_is_not_found(
        self, services: Services, viewer: Viewer, message_id: str
    ) -> None:
        with pytest.raises(NotFound):
            await services.messages.delete(viewer, message_id)
