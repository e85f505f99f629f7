"""Exporting: nothing is lost on the way out and in again, and nobody gets another's chats."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import NotFound, UnsupportedFormat
from backend.formats.document import DocumentConversation
from backend.repositories.records import (
    ConversationRecord,
    ConversationRows,
    FeedbackRecord,
    MessageRecord,
)
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.exports import FORMATS
from backend.services.messages import MessageChanges
from tests.support.conversations import say, stored_conversation
from tests.support.documents import chain, document, document_message, documents


class Told(NamedTuple):
    """All that a conversation is, but for the numbers of its changes."""

    conversation: ConversationRecord
    messages: list[MessageRecord]
    tags: list[str]
    versions: list[tuple[Any, ...]]
    feedback: list[FeedbackRecord]


def someone() -> Viewer:
    """An owner who has nothing yet: as good as an empty database."""
    name = f"owner-{uuid4()}"
    return Viewer(owner_id=name, name=name)


async def exported(
    services: Services, viewer: Viewer, form: str = "conversa", which: str | None = None
) -> bytes:
    """The whole export."""
    return b"".join([chunk async for chunk in await services.exports.start(viewer, form, which)])


async def everything(store: Store, viewer: Viewer) -> dict[str, Told]:
    """All conversations by their ids."""
    told: dict[str, Told] = {}
    async with store.read(viewer) as unit:
        for each in await unit.exports.ids_after(None, 10_000):
            conversation = await unit.conversations.get(each)
            tags = await unit.conversations.tags_by_ids([each])
            rows = ConversationRows(conversation, await unit.imports.messages_of(each))
            told[each] = Told(
                conversation._replace(
                    revision=0, own_revision=0, owner_revision=0, source_digest=None
                ),
                [row._replace(added_revision=0, revision=0) for row in rows.messages],
                tags.get(each, []),
                sorted(await unit.exports.versions_of(each)),
                sorted(await unit.exports.feedback_of(each)),
            )
    return told


# What somebody may do to a conversation before it is exported: which of its messages, and what.
DEEDS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(["edit", "judge", "answer", "delete", "take out", "show", "fork", "name"]),
    ),
    max_size=4,
)


async def do(services: Services, viewer: Viewer, deed: tuple[int, str]) -> None:
    """One deed to one message of the owner's first conversation, where it has one."""
    async with services.store.read(viewer) as unit:
        [conversation_id, *_] = await unit.exports.ids_after(None, 1)
        messages = await unit.imports.messages_of(conversation_id)
    place, what = deed
    if what == "name":
        changes = ConversationChanges(title="", tags=["mine"], metadata={"conversa": 1})
        await services.conversations.update(viewer, conversation_id, changes)
        return
    if not messages:
        return
    message = messages[place % len(messages)].id
    match what:
        case "edit":
            await services.messages.update(viewer, message, MessageChanges(content="edited"))
        case "judge":
            await services.messages.set_feedback(viewer, message, rating=1, comment="ok")
        case "answer":
            await say(services, viewer, conversation_id, "answer", parent_id=message)
        case "delete" | "take out":
            await services.messages.delete(viewer, message, descendants=what == "delete")
        case "show":
            await services.conversations.select_branch(viewer, message)
        case "fork":
            await services.conversations.fork(viewer, message)


class TestRoundTrip:
    """What is exported and imported elsewhere is the same."""

    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        found=st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=2).flatmap(
            lambda names: st.tuples(*(documents(f"c{name}") for name in names))
        ),
        deeds=DEEDS,
    )
    async def test_any_conversation_comes_back_as_it_was(
        self,
        services: Services,
        found: tuple[DocumentConversation, ...],
        deeds: list[tuple[int, str]],
    ) -> None:
        here, there = someone(), someone()
        report = await services.imports.run(here, found)
        assert report.imported == len(found)
        for deed in deeds:
            await do(services, here, deed)
        raw = await exported(services, here)
        before = await everything(services.store, here)
        report = await services.imports.from_stream(there, io.BytesIO(raw))
        assert (report.imported, report.failures) == (len(before), [])
        assert await everything(services.store, there) == before
        assert await exported(services, there) == raw
        again = await services.imports.from_stream(there, io.BytesIO(raw))
        assert (again.imported, again.unchanged) == (0, len(before))
        back = await services.imports.from_stream(here, io.BytesIO(raw))
        assert (back.imported, back.unchanged, back.failures) == (0, len(before), [])
        assert await everything(services.store, here) == before

    async def test_conversation_begun_here_comes_back(
        self, services: Services, store: Store, viewer: Viewer, other_viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3, tags=["b", "a"], pinned=True)
        message = (await say(services, viewer, made.id, "4"))[0]
        await services.conversations.fork(viewer, message.id)
        raw = await exported(services, viewer)
        await services.imports.from_stream(other_viewer, io.BytesIO(raw))
        assert await everything(store, other_viewer) == await everything(store, viewer)
        assert [problem async for problem in services.checks.problems()] == []

    async def test_older_backup_brings_nothing_and_newer_one_what_is_new(
        self, services: Services, store: Store, viewer: Viewer, other_viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=2)
        old = await exported(services, viewer)
        await services.imports.from_stream(other_viewer, io.BytesIO(old))
        first = (await everything(store, viewer))[made.id].messages[0]
        await services.messages.update(viewer, first.id, MessageChanges(content="second"))
        await services.messages.update(viewer, first.id, MessageChanges(content="third"))
        await say(services, viewer, made.id, "new")
        new = await exported(services, viewer)
        assert (await services.imports.from_stream(viewer, io.BytesIO(old))).unchanged == 1
        report = await services.imports.from_stream(other_viewer, io.BytesIO(new))
        assert (report.imported, report.messages) == (1, 2)
        mine = (await everything(store, viewer))[made.id]
        theirs = (await everything(store, other_viewer))[made.id]
        assert theirs.messages == mine.messages
        assert theirs.versions == mine.versions


class TestForms:
    """Every form can be written, one conversation or all."""

    @pytest.mark.parametrize("form", FORMATS)
    async def test_all_and_one(self, services: Services, viewer: Viewer, form: str) -> None:
        for name in ("one", "two"):
            found = chain(f"{name} says", f"{name} answers", external_id=name, title=name)
            await services.imports.run(viewer, [found])
        whole = (await exported(services, viewer, form)).decode()
        assert all(said in whole for said in ("one says", "one answers", "two answers"))
        async with services.store.read(viewer) as unit:
            [here] = await unit.imports.list_by_sources("chatgpt", ["two"])
        part = (await exported(services, viewer, form, here.id)).decode()
        assert "two answers" in part
        assert "one says" not in part

    async def test_nothing_is_a_file_too(self, services: Services, viewer: Viewer) -> None:
        assert json.loads(await exported(services, viewer, "openwebui")) == []
        raw = await exported(services, viewer)
        assert raw == b'{"conversa":1}\n'

    async def test_unknown_form_is_refused(self, services: Services, viewer: Viewer) -> None:
        with pytest.raises(UnsupportedFormat):
            await services.exports.start(viewer, "pdf")

    async def test_somebody_elses_conversation_does_not_exist(
        self, services: Services, viewer: Viewer, other_viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=1)
        with pytest.raises(NotFound):
            await services.exports.start(other_viewer, "conversa", made.id)
        assert await exported(services, other_viewer) == b'{"conversa":1}\n'


class TestStreaming:
    """An export is read as it is written."""

    async def test_no_more_is_read_than_was_taken(self, services: Services, viewer: Viewer) -> None:
        text = "x" * 70_000
        found = [
            document([document_message("a", None, text=text)], external_id=f"c{place}")
            for place in range(20)
        ]
        await services.imports.run(viewer, found)
        written: list[int] = []
        chunks = await services.exports.start(
            viewer, on_conversation=lambda: written.append(len(written))
        )
        await anext(chunks)
        assert len(written) < 3
        assert len([chunk async for chunk in chunks]) > 10
        assert len(written) == 20

    async def test_each_conversation_is_as_it_was_at_one_moment(
        self, services: Services, viewer: Viewer
    ) -> None:
        """While messages are added, counts and trees in every export agree."""
        made = await services.conversations.create(viewer, ConversationDraft(title="Busy"))
        writing = asyncio.create_task(self._say_much(services, viewer, made.id))
        while not writing.done():
            line = (await exported(services, viewer)).splitlines()[1]
            messages = json.loads(line).get("messages", [])
            parents = [message.get("parent_id") for message in messages]
            assert parents == [None, *(message["id"] for message in messages)][: len(messages)]
            if messages:
                assert json.loads(line)["active_leaf_id"] == messages[-1]["id"]
        await writing

    async def _say_much(self, services: Services, viewer: Viewer, conversation_id: str) -> None:
        for number in range(60):
            await say(services, viewer, conversation_id, str(number))

    async def test_conversation_that_is_deleted_meanwhile_is_left_out(
        self, services: Services, viewer: Viewer
    ) -> None:
        made = [await stored_conversation(services, viewer, messages=1) for _ in range(2)]
        chunks: AsyncIterator[bytes] = await services.exports.start(viewer)
        await services.conversations.delete(viewer, made[0].id)
        lines = b"".join([chunk async for chunk in chunks]).splitlines()
        assert [json.loads(line)["external_id"] for line in lines[1:]] == [made[1].id]

    async def test_two_exports_at_once_do_not_hinder_each_other(
        self, services: Services, viewer: Viewer
    ) -> None:
        for _ in range(5):
            await stored_conversation(services, viewer, messages=3)
        both = await asyncio.gather(*(exported(services, viewer) for _ in range(6)))
        assert len(set(both)) == 1
