"""Documents gathered into batches, each to be written as one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field

import anyio.to_thread

from backend.errors import ConversaError
from backend.formats.document import DocumentConversation, DocumentFailure
from backend.repositories.imports import ConversationRows
from backend.services.import_rows import conversation_rows

# A transaction of this size holds the write lock for some tens of milliseconds.
MESSAGES = 1000
ITEMS = 500
BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A conversation that is not imported: its place in the input from 0, the source's id, why."""

    index: int
    external_id: str | None
    reason: str


@dataclass(slots=True)
class ImportItem:
    """A conversation ready to be stored, and what its source calls it."""

    index: int
    external_id: str
    rows: ConversationRows

    def failed(self, reason: str) -> ImportFailure:
        """That it could not be stored."""
        return ImportFailure(self.index, self.external_id, reason)


@dataclass(slots=True)
class Batch:
    """Conversations to be stored together, no two of them the same, and failures among them."""

    items: list[ImportItem] = field(default_factory=list)
    failures: list[ImportFailure] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    _keys: set[object] = field(default_factory=set)
    _messages: int = 0
    _bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether it is time to store it."""
        return (
            self._messages >= MESSAGES
            or self._bytes >= BYTES
            or len(self.items) + len(self.failures) >= ITEMS
        )

    def holds(self, item: ImportItem) -> bool:
        """Whether the same conversation is in it already; the second has to wait for the first."""
        return not self._keys.isdisjoint(_keys(item))

    def add(self, found: ImportItem | ImportFailure) -> None:
        """Takes in one more."""
        if isinstance(found, ImportFailure):
            self.failures.append(found)
            return
        self.items.append(found)
        self._keys.update(_keys(found))
        self._messages += len(found.rows.messages)
        self._bytes += sum(
            len(row.content) + len(row.parts_json or "") + len(row.metadata_json or "")
            for row in found.rows.messages
        )


def batches(documents: Iterable[DocumentConversation | DocumentFailure]) -> Iterator[Batch]:
    """The documents as rows, a batch at a time; as much is read as the batch needs."""
    batch = Batch()
    for document in documents:
        found = _prepared(document)
        if isinstance(found, ImportItem) and batch.holds(found):
            yield batch
            batch = Batch()
        if isinstance(document, DocumentConversation) and document.format not in batch.formats:
            batch.formats.append(document.format)
        batch.add(found)
        if batch.full:
            yield batch
            batch = Batch()
    yield batch


async def read_aside(source: Iterator[Batch]) -> AsyncGenerator[Batch, None]:
    """The batches, each read in a worker thread.

    The next one is not read while one is being written: the thread would hold the interpreter's
    lock at every step of the transaction, which then takes five times as long.
    """
    reading = _started(source)
    try:
        while (batch := await asyncio.shield(reading)) is not None:
            yield batch
            reading = _started(source)
    finally:
        # The thread holds the source, which its owner may close as soon as this ends.
        await asyncio.wait([reading])
        reading.cancelled() or reading.exception()


def _started(source: Iterator[Batch]) -> asyncio.Task[Batch | None]:
    return asyncio.create_task(anyio.to_thread.run_sync(next, source, None))


def _prepared(document: DocumentConversation | DocumentFailure) -> ImportItem | ImportFailure:
    if isinstance(document, DocumentFailure):
        return ImportFailure(document.index, document.external_id, document.reason)
    try:
        rows = conversation_rows(document)
    except ConversaError as error:
        return ImportFailure(document.index, document.external_id, error.message)
    return ImportItem(document.index, document.external_id, rows)


def _keys(item: ImportItem) -> tuple[object, ...]:
    conversation = item.rows.conversation
    if conversation.source_format is None:
        return (conversation.id,)
    return (conversation.id, (conversation.source_format, conversation.source_external_id))
