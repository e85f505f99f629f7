"""A source that went on since is brought up to date, and nothing that is here is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from backend.formats.document import DocumentFeedback
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges
from backend.services.messages import MessageChanges
from tests.support.conversations import contents, conversation_now, say
from tests.support.documents import START, chain, document_message
from tests.support.imports import counts, imported, many, stored_ids
from tests.support.invariants import sound_conversation


async def test_new_messages_are_added_and_shown(services: Services, viewer: Viewer) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    after = await imported(services, viewer, chain("a", "b", "c", "d"))
    assert contents(after.active) == ["a", "b", "c", "d"]
    assert [row.id for row in after.active[:2]] == [row.id for row in before.active]
    assert after.conversation.revision == before.conversation.revision + 2
    assert after.conversation.own_revision == before.conversation.own_revision
    assert after.conversation.last_activity_at == START + timedelta(minutes=3)


async def test_other_branch_of_the_source_is_shown(services: Services, viewer: Viewer) -> None:
    before = await imported(services, viewer, chain("a", "b", "c"))
    found = chain("a", "b", "c")
    found.messages.append(document_message("b2", "a"))
    found.active_leaf_id = "b2"
    after = await imported(services, viewer, found)
    assert contents(after.active) == ["a", "b2"]
    assert len(after.messages) == 4
    assert after.conversation.own_revision > before.conversation.own_revision


async def test_branch_the_source_does_not_know_stays_shown(
    services: Services, viewer: Viewer
) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    await say(services, viewer, before.conversation.id, "mine")
    after = await imported(services, viewer, chain("a", "b", "c"))
    assert contents(after.active) == ["a", "b", "mine"]
    assert {row.content for row in after.messages} == {"a", "b", "c", "mine"}


async def test_branch_chosen_here_stays_where_the_source_only_grew_elsewhere(
    services: Services, viewer: Viewer
) -> None:
    found = chain("a", "b")
    found.messages.append(document_message("b2", "a"))
    before = await imported(services, viewer, found)
    await services.conversations.select_branch(viewer, before.messages[2].id)
    grown = chain("a", "b")
    grown.messages += [document_message("b2", "a"), document_message("x", None)]
    grown.active_leaf_id = "b"
    assert contents((await imported(services, viewer, grown)).active) == ["a", "b2"]


async def test_message_deleted_here_does_not_come_back(services: Services, viewer: Viewer) -> None:
    before = await imported(services, viewer, chain("a", "b", "c"))
    await services.messages.delete(viewer, before.active[1].id, descendants=False)
    after = await imported(services, viewer, chain("a", "b", "c", "d"))
    assert contents(after.active) == ["a", "c", "d"]


async def test_new_answer_to_a_deleted_message_hangs_higher(
    services: Services, viewer: Viewer
) -> None:
    before = await imported(services, viewer, chain("a", "b", "c"))
    await services.messages.delete(viewer, before.active[1].id)
    found = chain("a", "b", "c", "d")
    assert contents((await imported(services, viewer, found)).active) == ["a", "d"]


async def test_conversation_emptied_here_shows_what_is_new(
    services: Services, viewer: Viewer
) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    await services.messages.delete(viewer, before.active[0].id)
    after = await imported(services, viewer, chain("a", "b", "c"))
    assert contents(after.active) == ["c"]


async def test_changed_text_replaces_and_is_kept_as_a_version(
    services: Services, store: Store, viewer: Viewer
) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    found = chain("a", "b")
    found.messages[1] = replace(found.messages[1], parts=[{"type": "text", "text": "better"}])
    report = await services.imports.run(viewer, [found])
    assert counts(report) == (1, 0, 0, 1)
    after = await sound_conversation(store, viewer, before.conversation.id)
    changed = after.active[1]
    assert (changed.content, changed.edited_at is not None) == ("better", True)
    assert changed.revision == after.conversation.revision
    async with store.read(viewer) as unit:
        versions = (await unit.versions.list_by_messages([changed.id]))[changed.id]
    assert [(row.number, row.content) for row in versions] == [(1, "b")]


async def test_text_edited_here_stays(services: Services, viewer: Viewer) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    changes = MessageChanges(content="mine")
    await services.messages.update(viewer, before.active[0].id, changes)
    after = await imported(services, viewer, chain("a", "b", "c"))
    assert contents(after.active) == ["mine", "b", "c"]


async def test_unfinished_text_does_not_replace_a_finished_one(
    services: Services, viewer: Viewer
) -> None:
    await imported(services, viewer, chain("a", "finished"))
    found = chain("a", "finished")
    partial = replace(
        found.messages[1], parts=[{"type": "text", "text": "fin"}], status="incomplete"
    )
    found.messages[1] = partial
    assert contents((await imported(services, viewer, found)).active) == ["a", "finished"]


async def test_finished_text_replaces_an_unfinished_one(services: Services, viewer: Viewer) -> None:
    found = chain("a", "finished")
    found.messages[1].parts = [{"type": "text", "text": "fin"}]
    found.messages[1].status = "incomplete"
    await imported(services, viewer, found)
    after = await imported(services, viewer, chain("a", "finished"))
    assert contents(after.active) == ["a", "finished"]
    assert after.active[1].status == "complete"


async def test_what_was_set_here_stays(services: Services, store: Store, viewer: Viewer) -> None:
    before = await imported(services, viewer, chain("a", title="Theirs"))
    changes = ConversationChanges(title="Mine", archived=True)
    await services.conversations.update(viewer, before.conversation.id, changes)
    after = await imported(services, viewer, chain("a", "b", title="Theirs, changed"))
    assert (after.conversation.title, after.conversation.archived) == ("Mine", True)


async def test_judgement_is_added_where_there_is_none(
    services: Services, store: Store, viewer: Viewer
) -> None:
    before = await imported(services, viewer, chain("a", "b"))
    await services.messages.set_feedback(viewer, before.active[0].id, rating=1)
    found = chain("a", "b")
    for message in found.messages:
        message.feedback = DocumentFeedback(-1)
    after = await imported(services, viewer, found)
    async with store.read(viewer) as unit:
        given = await unit.feedback.list_by_messages([row.id for row in after.active])
    assert [given[row.id].rating for row in after.active] == [1, -1]


async def test_source_that_says_the_same_in_other_words_is_unchanged(
    services: Services, store: Store, viewer: Viewer
) -> None:
    """Another title in the source is no news here; nobody is told."""
    before = await imported(services, viewer, chain("a", title="x"))
    report = await services.imports.run(viewer, [chain("a", title="y")])
    assert counts(report) == (0, 1, 0, 0)
    after = await conversation_now(store, viewer, before.conversation.id)
    assert after._replace(source_digest="") == before.conversation._replace(source_digest="")


async def test_several_grown_and_new_ones_together(
    services: Services, store: Store, viewer: Viewer
) -> None:
    await services.imports.run(viewer, many(6, length=2))
    report = await services.imports.run(viewer, many(9, length=3))
    assert counts(report) == (9, 0, 0, 6 + 9)
    async with store.read(viewer) as unit:
        rows = await unit.conversations.list_by_ids(await stored_ids(store, viewer))
    assert len({row.owner_revision for row in rows}) == 9
    for row in rows:
        assert len((await sound_conversation(store, viewer, row.id)).active) == 3
