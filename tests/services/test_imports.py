"""Importing: new conversations, known ones, bad ones, and what a report promises."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from backend import limits
from backend.errors import UnsupportedFormat
from backend.events.bus import LocalBus
from backend.events.changes import ConversationChanged
from backend.formats.document import DocumentConversation, DocumentFailure, DocumentFeedback
from backend.ids import new_id
from backend.repositories.records import ConversationRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services import import_batches, imports
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.imports import ImportOptions, ImportReport
from backend.services.live import change_cursor
from tests.support.conversations import say
from tests.support.documents import START, chain, document, document_message
from tests.support.imports import counts, imported, many, stored_ids
from tests.support.invariants import sound_conversation

Found = DocumentConversation | DocumentFailure


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
        ended = first.conversation.revision + 1
        revisions = [row.added_revision for row in again.messages]
        assert revisions == [ended + row.added_revision for row in first.messages]
        cursor = change_cursor(first.conversation.id, first.conversation.revision)
        told = await services.live.page(viewer, first.conversation.id, cursor, 10)
        assert [change.record.revision for change in told if change.record.message] == revisions
        assert [problem async for problem in services.checks.problems()] == []

    async def test_owners_do_not_see_each_others(
        self, services: Services, store: Store, viewer: Viewer, other_viewer: Viewer
    ) -> None:
        await services.imports.run(viewer, many(2))
        report = await services.imports.run(other_viewer, many(2))
        assert counts(report) == (2, 0, 0, 4)
        assert await stored_ids(store, viewer) == await stored_ids(store, other_viewer)


class Announcements(LocalBus):
    """A bus that remembers."""

    def __init__(self) -> None:
        super().__init__()
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
        mine = await services.conversations.create(viewer, ConversationDraft(title="Mine"))
        taken = (await say(services, viewer, mine.id, "hello"))[0].id
        found = many(3)
        found[1] = document(
            [document_message(taken, None)], format="conversa", external_id=new_id(), index=1
        )
        report = await services.imports.run(viewer, found)
        assert counts(report) == (2, 0, 1, 4)
        assert report.failures[0].external_id == found[1].external_id
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
        """Somebody else writes while the source has nothing to read, in a batch and between two."""
        mine = await services.conversations.create(viewer, ConversationDraft(title="Mine"))
        waits = asyncio.Semaphore(0)
        said = threading.Semaphore(0)
        loop = asyncio.get_running_loop()

        def slowly() -> Iterator[DocumentConversation]:
            for place, found in enumerate(many(1200)):
                if place in (1, 600, 1100):
                    loop.call_soon_threadsafe(waits.release)
                    assert said.acquire(timeout=60)
                yield found

        task = asyncio.create_task(services.imports.run(viewer, slowly()))
        for n in range(3):
            await waits.acquire()
            await say(services, viewer, mine.id, str(n))
            assert not task.done()
            said.release()
        assert (await task).imported == 1200
        stored = await sound_conversation(store, viewer, mine.id)
        assert len(stored.active) == 3
