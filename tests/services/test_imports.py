"""Importing: new conversations, known ones, bad ones, and what a report promises."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import text

from backend import limits
from backend.errors import UnsupportedFormat
from backend.events.changes import ConversationChanged
from backend.formats.document import DocumentConversation, DocumentFailure, DocumentFeedback
from backend.ids import derived_id
from backend.repositories.records import ConversationRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services import import_batches, imports
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.imports import ImportOptions, ImportReport
from backend.services.messages import MessageChanges
from tests.support.conversations import contents, conversation_now, say
from tests.support.documents import START, chain, document, document_message
from tests.support.invariants import StoredConversation, sound_conversation

Found = DocumentConversation | DocumentFailure


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Imported, unchanged and failed conversations, and messages."""
    return (report.imported, report.unchanged, report.failed, report.messages)


def many(count: int, length: int = 2) -> list[DocumentConversation]:
    """Conversations c0, c1, …, each an hour after the one before."""
    return [
        chain(
            *(f"{place}.{n}" for n in range(length)),
            external_id=f"c{place}",
            created_at=START + timedelta(hours=place),
            index=place,
        )
        for place in range(count)
    ]


async def stored_ids(store: Store, viewer: Viewer) -> list[str]:
    """The ids of all conversations."""
    async with store.read(viewer) as unit:
        return await unit.exports.ids_after(None, 10_000)


async def imported(
    services: Services, viewer: Viewer, found: DocumentConversation
) -> StoredConversation:
    """What a document is stored as."""
    await services.imports.run(viewer, [found])
    async with services.store.read(viewer) as unit:
        [here] = await unit.imports.list_by_sources(found.format, [found.external_id])
    return await sound_conversation(services.store, viewer, here.id)


class TestNew:
    """Conversations that are not here yet."""

    async def test_conversations_are_stored_and_counted(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        report = await services.imports.run(viewer, many(3, length=4))
        assert counts(report) == (3, 0, 0, 12)
        assert (report.format, report.failures) == ("chatgpt", [])
        ids = await stored_ids(store, viewer)
        assert len(ids) == 3
        for each in ids:
            stored = await sound_conversation(store, viewer, each)
            assert len(stored.active) == 4

    async def test_everything_said_about_a_conversation_is_kept(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        found = chain(
            "a", title="T", tags=["x", "y"], metadata={"k": [1]}, pinned=True, archived=True
        )
        message = found.messages[0]
        message.feedback = DocumentFeedback(-1, "bad", ["wrong"], START)
        message.model, message.input_tokens, message.status = "m", 7, "failed"
        stored = await imported(services, viewer, found)
        here, row = stored.conversation, stored.messages[0]
        assert (here.title, here.pinned, here.archived) == ("T", True, True)
        assert here.metadata_json == '{"k":[1]}'
        assert (here.source_format, here.source_external_id) == ("chatgpt", "c1")
        assert (row.model, row.input_tokens, row.status) == ("m", 7, "failed")
        async with store.read(viewer) as unit:
            assert await unit.conversations.tags_by_ids([here.id]) == {here.id: ["x", "y"]}
            feedback = (await unit.feedback.list_by_messages([row.id]))[row.id]
        assert (feedback.rating, feedback.comment, feedback.tags_json) == (-1, "bad", '["wrong"]')
        assert feedback.updated_at == START

    async def test_list_is_in_the_order_of_the_old_activity(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, reversed(many(5)))
        async with store.read(viewer) as unit:
            rows = await unit.conversations.list_by_ids(await stored_ids(store, viewer))
        rows.sort(key=lambda row: row.last_activity_at)
        assert [row.source_external_id for row in rows] == [f"c{n}" for n in range(5)]

    async def test_each_has_a_place_of_its_own_in_the_feed_and_is_announced(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        bus = Announcements()
        store.bus = bus
        await services.imports.run(viewer, many(3))
        async with store.read(viewer) as unit:
            rows = await unit.conversations.list_by_ids(await stored_ids(store, viewer))
            owner = unit.owner_id
        assert sorted(row.owner_revision for row in rows) == [1, 2, 3]
        announced = {
            ConversationChanged(owner, row.id, row.revision, row.owner_revision) for row in rows
        }
        assert set(bus.heard) == announced

    async def test_long_chain_is_one_sound_conversation(
        self, services: Services, viewer: Viewer
    ) -> None:
        stored = await imported(services, viewer, chain(*map(str, range(3000))))
        assert len(stored.active) == 3000

    async def test_deleted_conversation_comes_back(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        first = await imported(services, viewer, chain("a", "b"))
        await services.conversations.delete(viewer, first.conversation.id)
        again = await imported(services, viewer, chain("a", "b"))
        assert again.conversation.id == first.conversation.id
        assert [problem async for problem in services.checks.problems()] == []

    async def test_owners_do_not_see_each_others(
        self, services: Services, store: Store, viewer: Viewer, other_viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, many(2))
        report = await services.imports.run(other_viewer, many(2))
        assert counts(report) == (2, 0, 0, 4)
        assert await stored_ids(store, viewer) == await stored_ids(store, other_viewer)


class Announcements:
    """A bus that remembers."""

    def __init__(self) -> None:
        self.heard: list[ConversationChanged] = []

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Remembers changes."""
        self.heard += changes


class TestAgain:
    """What is here already changes nothing."""

    async def test_same_source_again_is_unchanged(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, many(3))
        before = await self.everything(store, viewer)
        assert counts(await services.imports.run(viewer, many(3))) == (0, 3, 0, 0)
        assert await self.everything(store, viewer) == before

    async def test_same_conversation_twice_in_a_file_is_one(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        report = await services.imports.run(viewer, [chain("a"), chain("a"), chain("a", "b")])
        assert counts(report) == (2, 1, 0, 2)
        assert len(await stored_ids(store, viewer)) == 1

    async def test_two_imports_at_once_store_it_once(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        reports = await asyncio.gather(*(services.imports.run(viewer, many(20)) for _ in range(3)))
        assert sum(report.imported for report in reports) == 20
        assert sum(report.unchanged for report in reports) == 40
        assert len(await stored_ids(store, viewer)) == 20

    async def test_dry_run_says_what_would_happen_and_does_nothing(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, many(2))
        before = await self.everything(store, viewer)
        found = [*many(3), chain("0.0", "0.1", "new", external_id="c0"), chain(external_id="e")]
        found[-1].messages = [document_message("a", "missing")]
        options = ImportOptions(dry_run=True)
        assert counts(await services.imports.run(viewer, found, options)) == (2, 2, 1, 3)
        assert await self.everything(store, viewer) == before
        assert counts(await services.imports.run(viewer, found)) == (2, 2, 1, 3)

    async def everything(self, store: Store, viewer: Viewer) -> list[ConversationRecord]:
        """All conversations as they are stored."""
        async with store.read(viewer) as unit:
            rows = await unit.conversations.list_by_ids(await stored_ids(store, viewer))
        return sorted(rows)


class TestFailures:
    """A conversation that fails, fails alone, and is named."""

    async def test_one_bad_conversation_does_not_stop_the_others(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        good = many(3)
        large = document_message("x", None, text="x" * (limits.CONTENT_BYTES + 1))
        found: list[Found] = [
            good[0],
            DocumentFailure(1, "bad", "not valid JSON"),
            document([large], external_id="large", index=2),
            good[1],
            good[2],
        ]
        told: list[object] = []
        report = await services.imports.run(viewer, found, ImportOptions(on_failure=told.append))
        assert counts(report) == (3, 0, 2, 6)
        named = [(each.index, each.external_id) for each in report.failures]
        assert named == [(1, "bad"), (2, "large")]
        assert "1048576 bytes" in report.failures[1].reason
        assert told == report.failures
        assert len(await stored_ids(store, viewer)) == 3

    async def test_id_that_is_taken_fails_its_conversation_alone(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        taken = derived_id(START, "chatgpt", "c1", "1.0")
        mine = await services.conversations.create(viewer, ConversationDraft(title="Mine"))
        draft = (await say(services, viewer, mine.id, "hello"))[0]
        async with store.write(viewer) as unit:
            await unit.connection.execute(
                text("UPDATE messages SET id = :id WHERE id = :old"), {"id": taken, "old": draft.id}
            )
        found = many(3)
        found[1].messages[0].created_at = START
        report = await services.imports.run(viewer, found)
        assert counts(report) == (2, 0, 1, 4)
        assert report.failures[0].external_id == "c1"
        assert taken in report.failures[0].reason
        assert mine.id in report.failures[0].reason
        rehearsed = await services.imports.run(viewer, found, ImportOptions(dry_run=True))
        assert counts(rehearsed) == (0, 2, 1, 0)

    async def test_report_names_so_many_failures_and_counts_all(
        self, services: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "FAILURES_LISTED", 2)
        told: list[object] = []
        found = [DocumentFailure(place, None, "bad") for place in range(5)]
        report = await services.imports.run(viewer, found, ImportOptions(on_failure=told.append))
        assert (report.failed, len(report.failures), len(told)) == (5, 2, 5)

    async def test_nothing_is_reported_that_is_not_committed(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        """The reading breaks down in the middle: what was told by then is there, and no more."""
        told: list[int] = []

        def broken() -> Iterator[Found]:
            yield from many(import_batches.ITEMS)
            raise RuntimeError("the disk is gone")

        def on_batch(report: ImportReport) -> None:
            told.append(report.imported)

        with pytest.raises(RuntimeError, match="the disk is gone"):
            await services.imports.run(viewer, broken(), ImportOptions(on_batch=on_batch))
        assert told == [import_batches.ITEMS]
        assert len(await stored_ids(store, viewer)) == import_batches.ITEMS

    async def test_cancelled_import_leaves_whole_batches(
        self, services: Services, store: Store, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_batches, "ITEMS", 2)
        seen: list[ImportReport] = []
        begun = asyncio.Event()

        def on_batch(report: ImportReport) -> None:
            seen.append(report)
            begun.set()

        task = asyncio.create_task(
            services.imports.run(viewer, many(400), ImportOptions(on_batch=on_batch))
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ids = await stored_ids(store, viewer)
        assert len(ids) % 2 == 0
        assert seen[0].imported <= len(ids) < 400
        assert [problem async for problem in services.checks.problems()] == []


class TestGrown:
    """A source that went on since is brought up to date, and nothing that is here is lost."""

    async def test_new_messages_are_added_and_shown(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b"))
        after = await imported(services, viewer, chain("a", "b", "c", "d"))
        assert contents(after.active) == ["a", "b", "c", "d"]
        assert [row.id for row in after.active[:2]] == [row.id for row in before.active]
        assert after.conversation.revision == before.conversation.revision + 2
        assert after.conversation.own_revision == before.conversation.own_revision
        assert after.conversation.last_activity_at == START + timedelta(minutes=3)

    async def test_other_branch_of_the_source_is_shown(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b", "c"))
        found = chain("a", "b", "c")
        found.messages.append(document_message("b2", "a"))
        found.active_leaf_id = "b2"
        after = await imported(services, viewer, found)
        assert contents(after.active) == ["a", "b2"]
        assert len(after.messages) == 4
        assert after.conversation.own_revision > before.conversation.own_revision

    async def test_branch_the_source_does_not_know_stays_shown(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b"))
        await say(services, viewer, before.conversation.id, "mine")
        after = await imported(services, viewer, chain("a", "b", "c"))
        assert contents(after.active) == ["a", "b", "mine"]
        assert {row.content for row in after.messages} == {"a", "b", "c", "mine"}

    async def test_branch_chosen_here_stays_where_the_source_only_grew_elsewhere(
        self, services: Services, viewer: Viewer
    ) -> None:
        found = chain("a", "b")
        found.messages.append(document_message("b2", "a"))
        before = await imported(services, viewer, found)
        await services.conversations.select_branch(viewer, before.messages[2].id)
        grown = chain("a", "b")
        grown.messages += [document_message("b2", "a"), document_message("x", None)]
        grown.active_leaf_id = "b"
        assert contents((await imported(services, viewer, grown)).active) == ["a", "b2"]

    async def test_message_deleted_here_does_not_come_back(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b", "c"))
        await services.messages.delete(viewer, before.active[1].id, descendants=False)
        after = await imported(services, viewer, chain("a", "b", "c", "d"))
        assert contents(after.active) == ["a", "c", "d"]

    async def test_new_answer_to_a_deleted_message_hangs_higher(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b", "c"))
        await services.messages.delete(viewer, before.active[1].id)
        found = chain("a", "b", "c", "d")
        assert contents((await imported(services, viewer, found)).active) == ["a", "d"]

    async def test_conversation_emptied_here_shows_what_is_new(
        self, services: Services, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", "b"))
        await services.messages.delete(viewer, before.active[0].id)
        after = await imported(services, viewer, chain("a", "b", "c"))
        assert contents(after.active) == ["c"]

    async def test_changed_text_replaces_and_is_kept_as_a_version(
        self, services: Services, store: Store, viewer: Viewer
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

    async def test_text_edited_here_stays(self, services: Services, viewer: Viewer) -> None:
        before = await imported(services, viewer, chain("a", "b"))
        changes = MessageChanges(content="mine")
        await services.messages.update(viewer, before.active[0].id, changes)
        after = await imported(services, viewer, chain("a", "b", "c"))
        assert contents(after.active) == ["mine", "b", "c"]

    async def test_unfinished_text_does_not_replace_a_finished_one(
        self, services: Services, viewer: Viewer
    ) -> None:
        await imported(services, viewer, chain("a", "finished"))
        found = chain("a", "finished")
        partial = replace(
            found.messages[1], parts=[{"type": "text", "text": "fin"}], status="incomplete"
        )
        found.messages[1] = partial
        assert contents((await imported(services, viewer, found)).active) == ["a", "finished"]

    async def test_finished_text_replaces_an_unfinished_one(
        self, services: Services, viewer: Viewer
    ) -> None:
        found = chain("a", "finished")
        found.messages[1].parts = [{"type": "text", "text": "fin"}]
        found.messages[1].status = "incomplete"
        await imported(services, viewer, found)
        after = await imported(services, viewer, chain("a", "finished"))
        assert contents(after.active) == ["a", "finished"]
        assert after.active[1].status == "complete"

    async def test_what_was_set_here_stays(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        before = await imported(services, viewer, chain("a", title="Theirs"))
        changes = ConversationChanges(title="Mine", archived=True)
        await services.conversations.update(viewer, before.conversation.id, changes)
        after = await imported(services, viewer, chain("a", "b", title="Theirs, changed"))
        assert (after.conversation.title, after.conversation.archived) == ("Mine", True)

    async def test_judgement_is_added_where_there_is_none(
        self, services: Services, store: Store, viewer: Viewer
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
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        """Another title in the source is no news here; nobody is told."""
        before = await imported(services, viewer, chain("a", title="x"))
        report = await services.imports.run(viewer, [chain("a", title="y")])
        assert counts(report) == (0, 1, 0, 0)
        after = await conversation_now(store, viewer, before.conversation.id)
        assert after._replace(source_digest="") == before.conversation._replace(source_digest="")

    async def test_several_grown_and_new_ones_together(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, many(6, length=2))
        report = await services.imports.run(viewer, many(9, length=3))
        assert counts(report) == (9, 0, 0, 6 + 9)
        async with store.read(viewer) as unit:
            rows = await unit.conversations.list_by_ids(await stored_ids(store, viewer))
        assert len({row.owner_revision for row in rows}) == 9
        for row in rows:
            assert len((await sound_conversation(store, viewer, row.id)).active) == 3


class TestSources:
    """One code path for files, uploads and values."""

    CHAT: ClassVar = {"id": "x", "title": "T", "messages": [{"role": "user", "content": "hello"}]}

    async def test_file_upload_and_value_are_the_same_conversation(
        self, services: Services, viewer: Viewer, tmp_path: Path
    ) -> None:
        raw = json.dumps([self.CHAT])
        path = tmp_path / "chats.json"
        path.write_text(raw)
        seen: list[ImportReport] = []
        options = ImportOptions(on_batch=seen.append)
        from_file = await services.imports.from_path(viewer, path, options=options)
        assert counts(from_file) == (1, 0, 0, 1)
        assert (from_file.position, from_file.total) == (len(raw), len(raw))
        assert seen == [from_file]
        upload = io.BytesIO(raw.encode())
        assert counts(await services.imports.from_stream(viewer, upload)) == (0, 1, 0, 0)
        assert counts(await services.imports.from_value(viewer, [self.CHAT])) == (0, 1, 0, 0)

    async def test_unknown_shape_is_refused_as_a_whole(
        self, services: Services, viewer: Viewer
    ) -> None:
        with pytest.raises(UnsupportedFormat):
            await services.imports.from_stream(viewer, io.BytesIO(b"no chat"))
        with pytest.raises(UnsupportedFormat):
            await services.imports.from_value(viewer, {"a": 1})

    async def test_event_loop_goes_on_while_reading(
        self, services: Services, store: Store, viewer: Viewer
    ) -> None:
        """Somebody else reads and writes between any two batches."""
        mine = await services.conversations.create(viewer, ConversationDraft(title="Mine"))
        task = asyncio.create_task(services.imports.run(viewer, many(600, length=6)))
        said = 0
        while not task.done():
            await say(services, viewer, mine.id, str(said))
            said += 1
        assert (await task).imported == 600
        assert said > 1
        stored = await sound_conversation(store, viewer, mine.id)
        assert len(stored.active) == said
