"""Documents gathered into batches, each to be written as one transaction."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from backend.errors import ConversaError
from backend.formats.document import DocumentConversation, DocumentFailure
from backend.repositories.records import ConversationRows
from backend.services.chunking import CHUNK_CHARACTERS
from backend.services.import_index import IndexBlock, index_block
from backend.services.import_rows import conversation_rows

# A transaction of this size holds the write lock for one or two tenths of a second, and a server's
# event loop, which takes a batch from the pipe, for some hundredths. Of a larger one a message has
# fewer rows of postings, for words come again, and others wait longer.
MESSAGES = 4000
ITEMS = 1000
BYTES = 1280 * 1024

INDEXED = 512
"""Chunks, as many as there are at least, from which on the index takes a batch as a segment."""


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
    """Conversations to be stored together, no two of them the same, and failures among them.

    ``block`` is what the index will hold of all of them, None where that is still to be made.
    ``position`` of ``total`` bytes of the input were read for it.
    """

    items: list[ImportItem] = field(default_factory=list)
    failures: list[ImportFailure] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    block: IndexBlock | None = None
    position: int = 0
    total: int | None = None
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


def batches(
    documents: Iterable[DocumentConversation | DocumentFailure],
) -> Generator[Batch, None, None]:
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


def block_of(items: Iterable[ImportItem]) -> IndexBlock | None:
    """What the index will hold of conversations that are new here, if it is enough for a block."""
    messages = [row for item in items for row in item.rows.messages]
    chunks = sum(1 + len(row.content) // CHUNK_CHARACTERS for row in messages)
    return index_block(messages) if chunks >= INDEXED else None


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
