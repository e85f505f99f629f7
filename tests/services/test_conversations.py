"""Making, changing, deleting and forking conversations, and choosing what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.models import Owner
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.messages import MessageChanges
from tests.support.conversations import (
    active_branch,
    contents,
    conversation_now,
    message_draft,
    say,
    stored_conversation,
    turns,
)
from tests.support.invariants import sound_conversation

UNUSED_ID = "01900000-0000-7000-8000-000000000001"


class TestMaking:
    """New conversations."""

    async def test_conversation_is_stored_as_given(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        draft = ConversationDraft(
            id=new_id(),
            title="  Uma conversa ",
            metadata={"a": {"b": [1]}},
            tags=["x", " y ", "x"],
            pinned=True,
            messages=turns(3),
        )
        made = await services.conversations.create(viewer, draft)
        stored = await sound_conversation(store, viewer, made.id)
        assert stored.conversation == made
        assert (made.id, made.title, made.pinned) == (draft.id, "Uma conversa", True)
        assert made.metadata_json == '{"a":{"b":[1]}}'
        assert contents(stored.active) == ["1", "2", "3"]
        async with store.read(viewer) as unit:
            assert await unit.conversations.tags_by_ids([made.id]) == {made.id: ["x", "y"]}

    async def test_title_is_taken_from_the_first_user_message(
        self, services: Services, viewer: Viewer
    ) -> None:
        said = [message_draft("Be kind", "system"), message_draft("What is a keyset?")]
        made = await services.conversations.create(viewer, ConversationDraft(messages=said))
        assert made.title == "What is a keyset?"

    async def test_without_anything_said_there_is_still_a_title(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await services.conversations.create(viewer, ConversationDraft())
        assert made.title

    async def test_the_same_again_changes_nothing(self, services: Services, viewer: Viewer) -> None:
        draft = ConversationDraft(id=new_id(), title="T", tags=["a"], messages=turns(2))
        made = await services.conversations.create(viewer, draft)
        assert await services.conversations.create(viewer, draft) == made

    async def test_the_same_again_is_the_same_after_more_was_said_and_edited(
        self, services: Services, viewer: Viewer
    ) -> None:
        draft = ConversationDraft(id=new_id(), title="T", messages=turns(2))
        made = await services.conversations.create(viewer, draft)
        whole = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "3")
        await services.messages.update(viewer, whole[0].id, MessageChanges(content="edited"))
        before = await conversation_now(services.store, viewer, made.id)
        assert await services.conversations.create(viewer, draft) == before

    @pytest.mark.parametrize(
        "other",
        [
            {"title": "Other"},
            {"tags": ["b"]},
            {"pinned": True},
            {"metadata": {"a": 1}},
            {"messages": turns(3)},
            {"messages": turns(2, 2)},
            {"messages": [replace(turns(1)[0], id=UNUSED_ID)]},
        ],
    )
    async def test_the_same_id_with_other_content_is_a_conflict(
        self, services: Services, viewer: Viewer, other: dict[str, Any]
    ) -> None:
        draft = ConversationDraft(id=new_id(), title="T", tags=["a"], messages=turns(2))
        made = await services.conversations.create(viewer, draft)
        with pytest.raises(Conflict) as refused:
            await services.conversations.create(viewer, replace(draft, **other))
        assert refused.value.current_revision == made.revision
        assert await conversation_now(services.store, viewer, made.id) == made

    async def test_a_bad_message_leaves_no_conversation(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer)
        taken = message_draft("taken", id=new_id())
        await services.messages.add(viewer, made.id, [taken])
        draft = ConversationDraft(id=new_id(), messages=[*turns(2), replace(taken, content="x")])
        with pytest.raises(Conflict):
            await services.conversations.create(viewer, draft)
        with pytest.raises(NotFound):
            await conversation_now(services.store, viewer, str(draft.id))

    async def test_id_that_is_none_is_refused(self, services: Services, viewer: Viewer) -> None:
        with pytest.raises(Invalid):
            await services.conversations.create(viewer, ConversationDraft(id="mine"))


class TestChanging:
    """A conversation's own fields."""

    async def test_what_is_given_changes_and_the_rest_stays(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, tags=["a"], metadata={"a": 1})
        changed = await services.conversations.update(
            viewer, made.id.upper(), ConversationChanges(title="New", tags=["b", "a"])
        )
        assert (changed.title, changed.metadata_json) == ("New", made.metadata_json)
        assert changed.revision == changed.own_revision == made.revision + 1
        async with store.read(viewer) as unit:
            assert await unit.conversations.tags_by_ids([made.id]) == {made.id: ["b", "a"]}

    @pytest.mark.parametrize(
        "changes",
        [
            ConversationChanges(),
            ConversationChanges(title="A title", pinned=False, archived=False, tags=["a"]),
            ConversationChanges(metadata={"a": 1}),
        ],
    )
    async def test_no_change_is_no_revision(
        self, services: Services, viewer: Viewer, changes: ConversationChanges
    ) -> None:
        made = await stored_conversation(services, viewer, tags=["a"], metadata={"a": 1})
        assert await services.conversations.update(viewer, made.id, changes) == made

    async def test_expected_revision_that_does_not_match_is_a_conflict_with_the_current_one(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3)
        changes = ConversationChanges(title="New", expected_revision=made.revision - 1)
        with pytest.raises(Conflict) as refused:
            await services.conversations.update(viewer, made.id, changes)
        assert refused.value.current_revision == made.revision
        changes = replace(changes, expected_revision=made.revision)
        assert (await services.conversations.update(viewer, made.id, changes)).title == "New"

    async def test_every_change_takes_the_next_place_in_the_owners_feed(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        one = await stored_conversation(services, viewer, messages=1)
        two = await stored_conversation(services, viewer, messages=1)
        places = [one.owner_revision, two.owner_revision]
        for made in (one, two, one):
            await say(services, viewer, made.id, "more")
            places.append((await conversation_now(store, viewer, made.id)).owner_revision)
        assert places == sorted(set(places))
        async with store.read(viewer) as unit:
            assert await unit.connection.scalar(select(Owner.revision)) == places[-1]


class TestDeleting:
    """Nothing stays but that it was there."""

    async def test_all_in_it_goes(self, services: Services, store: Store, viewer: Viewer) -> None:
        made = await stored_conversation(services, viewer, messages=3, tags=["a"])
        whole = await active_branch(store, viewer, made.id)
        await services.messages.update(viewer, whole[0].id, MessageChanges(content="edited"))
        await services.messages.set_feedback(viewer, whole[1].id, rating=1)
        await services.messages.delete(viewer, whole[2].id)
        await services.conversations.delete(viewer, made.id)
        async with store.read(viewer) as unit:
            left = {
                table.name: await unit.connection.scalar(select(func.count()).select_from(table))
                for table in Owner.metadata.sorted_tables
            }
        # An owner has a row of his own, and one of counters for search; neither says what was said.
        kept = {name for name, count in left.items() if count} - {"owners", "search_indexes"}
        assert kept == {"conversation_tombstones"}

    async def test_twice_is_not_found(self, services: Services, viewer: Viewer) -> None:
        made = await stored_conversation(services, viewer)
        await services.conversations.delete(viewer, made.id)
        with pytest.raises(NotFound):
            await services.conversations.delete(viewer, made.id)

    async def test_made_again_it_counts_on_from_where_it_ended(
        self, services: Services, viewer: Viewer
    ) -> None:
        """Who still holds a cursor of the deleted one must not miss the beginning of the new."""
        draft = ConversationDraft(id=new_id(), messages=turns(5))
        made = await services.conversations.create(viewer, draft)
        await services.conversations.delete(viewer, made.id)
        again = await services.conversations.create(viewer, draft)
        stored = await sound_conversation(services.store, viewer, again.id)
        assert min(row.revision for row in stored.messages) > made.revision + 1
        assert contents(stored.active) == ["1", "2", "3", "4", "5"]


class TestForking:
    """Copies of a branch."""

    async def test_fork_is_the_branch_down_to_the_message(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=4, tags=["a"])
        whole = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "beside", parent_id=whole[0].id)
        fork = await services.conversations.fork(viewer, whole[2].id, "Copy")
        stored = await sound_conversation(services.store, viewer, fork.id)
        assert contents(stored.messages) == ["1", "2", "3"]
        assert [row.created_at for row in stored.messages] == [row.created_at for row in whole[:3]]
        assert (fork.title, fork.forked_from_id) == ("Copy", whole[2].id)
        assert not {row.id for row in stored.messages} & {row.id for row in whole}

    async def test_fork_of_nothing_is_not_found(self, services: Services, viewer: Viewer) -> None:
        with pytest.raises(NotFound):
            await services.conversations.fork(viewer, new_id())


class TestChoosingABranch:
    """What is shown."""

    async def test_branch_is_shown_on_to_its_newest_end(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3)
        one, two, three = await active_branch(services.store, viewer, made.id)
        await say(services, viewer, made.id, "newer", parent_id=two.id)
        await say(services, viewer, made.id, "beside", parent_id=one.id)
        chosen = await services.conversations.select_branch(viewer, two.id)
        stored = await sound_conversation(services.store, viewer, made.id)
        assert contents(stored.active) == ["1", "2", "newer"]
        assert chosen == stored.conversation
        assert three.id in {row.id for row in stored.messages}

    async def test_what_is_shown_already_changes_nothing(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3)
        whole = await active_branch(services.store, viewer, made.id)
        assert await services.conversations.select_branch(viewer, whole[1].id) == made
