"""All chats out: one conversation or all of an owner's, as a stream of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import NamedTuple

import anyio.from_thread
import anyio.to_thread

from backend.errors import UnsupportedFormat
from backend.formats import conversa, markdown, openai_write, openwebui_write
from backend.formats.document import DocumentConversation
from backend.repositories.records import ConversationRows, MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.export_documents import document_of

IDS = 500
CHUNK = 64 * 1024


class ExportFormat(NamedTuple):
    """A form to export to: what writes it, and what the file is called."""

    write: Callable[[Iterable[DocumentConversation]], Iterator[bytes]]
    media_type: str
    suffix: str


FORMATS = {
    "conversa": ExportFormat(conversa.write_documents, "application/jsonl", ".jsonl"),
    "markdown": ExportFormat(markdown.write_documents, "text/markdown", ".md"),
    "openai": ExportFormat(openai_write.write_documents, "application/jsonl", ".jsonl"),
    "openwebui": ExportFormat(openwebui_write.write_documents, "application/json", ".json"),
}
OnConversation = Callable[[], None]


class ExportService:
    """Exports a viewer's conversations.

    Each conversation is as it was at one moment; memory holds one of them at a time. Without
    ``conversation_id`` it is all of them, in the order of their ids, which is that of their making.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(
        self,
        viewer: Viewer,
        format_: str = "conversa",
        conversation_id: str | None = None,
        on_conversation: OnConversation | None = None,
    ) -> AsyncIterator[bytes]:
        """The export, still to be iterated; raises UnsupportedFormat, NotFound."""
        if format_ not in FORMATS:
            raise UnsupportedFormat(
                f"There is no export format {format_!r}; there are {', '.join(FORMATS)}.",
                field=("format",),
            )
        if conversation_id is not None:
            async with self._store.read(viewer) as unit:
                await unit.conversations.get(conversation_id)
        ids = _one(conversation_id) if conversation_id else self._all(viewer)
        return self._written(viewer, format_, ids, on_conversation)

    async def _all(self, viewer: Viewer) -> AsyncIterator[str]:
        last: str | None = None
        while True:
            async with self._store.read(viewer, long=True) as unit:
                ids = await unit.exports.ids_after(last, IDS)
            for each in ids:
                yield each
            if len(ids) < IDS:
                return
            last = ids[-1]

    async def _written(
        self,
        viewer: Viewer,
        format_: str,
        ids: AsyncIterator[str],
        on_conversation: OnConversation | None,
    ) -> AsyncIterator[bytes]:
        """Writers are plain generators: they run in a worker thread, which asks the event loop for
        the next conversation when they do."""

        async def next_rows() -> ConversationRows | None:
            async for conversation_id in ids:
                rows = await self._rows(viewer, conversation_id)
                if rows is not None:
                    return rows
            return None

        def documents() -> Iterator[DocumentConversation]:
            while (rows := anyio.from_thread.run(next_rows)) is not None:
                yield document_of(rows, format_)
                if on_conversation is not None:
                    on_conversation()

        pieces = FORMATS[format_].write(documents())
        while chunk := await anyio.to_thread.run_sync(_chunk, pieces):
            yield chunk

    async def _rows(self, viewer: Viewer, conversation_id: str) -> ConversationRows | None:
        async with self._store.read(viewer, snapshot=True, long=True) as unit:
            conversation = await unit.conversations.find(conversation_id)
            if conversation is None:
                return None
            tags = await unit.conversations.tags_by_ids([conversation_id])
            found: list[MessageRecord] = []
            async for messages in unit.exports.messages_of(conversation_id):
                found += await unit.chunks.fill(messages)
            rows = ConversationRows(conversation, found, tags.get(conversation_id, []))
            rows.versions = await unit.exports.versions_of(conversation_id)
            rows.feedback = await unit.exports.feedback_of(conversation_id)
        rows.leaf_id = _leaf_id(rows)
        return rows


def _leaf_id(rows: ConversationRows) -> str | None:
    last = rows.conversation.message_count
    shown = (row.id for row in rows.messages if row.active and row.position == last)
    return next(shown, None)


async def _one(conversation_id: str) -> AsyncIterator[str]:
    yield conversation_id


def _chunk(pieces: Iterator[bytes]) -> bytes:
    """The next pieces, joined to a size worth sending; nothing at the end."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= CHUNK:
            break
    return b"".join(gathered)
