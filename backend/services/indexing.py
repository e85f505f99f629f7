"""The index as a part of every write: what a message says can be found once it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import anyio.to_thread

from backend.repositories.search_blocks import PreparedSegment, SegmentRow
from backend.repositories.search_changes import text_of
from backend.repositories.search_index import MessageText, NewChunk, Reserved, StoredChunk
from backend.repositories.search_postings import SegmentRecord, SegmentRepository
from backend.repositories.search_rows import PostingRow
from backend.repositories.store import Store, WriteUnit
from backend.retrieval.analysis import VERSION
from backend.retrieval.documents import Indexed, indexed
from backend.retrieval.packs import packed, rid_of, unpacked
from backend.retrieval.postings import SCOPE, Run, decode, segment, terms_of, word_count
from backend.retrieval.segments import PENDING_CHUNKS
from backend.services.chunking import own_content, ranges

INLINE_CHUNKS = 4096
"""Where so many wait, the write that brings them makes a segment of the first itself."""

BATCH = 500
ASIDE = 50
"""Texts from which on their analysis is done in a thread."""

ROWS_AT_ONCE = 4000
"""Rows of postings that are made, in a thread, before they are stored."""

_ROLE = f"{SCOPE}r:"


class IndexingService:
    """Keeps every owner's index in step with his messages."""

    def __init__(self, store: Store) -> None:
        store.before_commit = self.write
        self.due: set[int] = set()
        self.wake = asyncio.Event()
        self.for_vectors: Callable[[WriteUnit, int, int], Awaitable[None]] | None = None
        """Told of new chunks, by the first one's number and how many, in their transaction."""
        self._full: set[int] = set()

    async def write(self, unit: WriteUnit) -> None:
        """Brings what a write changed into the index, in its transaction."""
        changes = unit.index_changes
        texts = list(changes.new.values())
        texts += [text_of(row) for row in changes.imported if row.id not in changes.changed]
        if changes.used and changes.segment is not None:
            await self._add_segment(unit, changes.segment)
        if changes.changed:
            texts += await unit.index.texts(sorted(changes.changed))
        if changes.gone:
            await take_out(unit, changes.gone)
        if texts:
            await self.add(unit, texts)

    async def add(self, unit: WriteUnit, texts: Sequence[MessageText]) -> None:
        """Adds messages to the index."""
        prepared = unit.index_changes.prepared
        if prepared:
            chunks = [chunk for text in texts for chunk in prepared.get(text) or chunks_of([text])]
        elif len(texts) < ASIDE:
            chunks = chunks_of(texts)
        else:
            chunks = await anyio.to_thread.run_sync(chunks_of, texts)
        reserved = await unit.appends.index(chunks)
        if reserved is None:
            reserved = await unit.index.reserve(len(chunks), VERSION)
            await unit.index.add(reserved.first, chunks)
        if self.for_vectors is not None:
            await self.for_vectors(unit, reserved.first, len(chunks))
        if self.told(unit.owner_id, reserved, len(chunks)) >= INLINE_CHUNKS:
            await flush(unit.segments)
            self._full.discard(unit.owner_id)

    def takes_at_once(self, owner_id: int) -> bool:
        """Whether chunks need nothing but to be stored, by a statement that does so itself."""
        return self.for_vectors is None and owner_id not in self._full

    def told(self, owner_id: int, reserved: Reserved, count: int) -> int:
        """Takes note of new chunks; returns how many wait for a segment."""
        waiting = reserved.first + count - 1 - reserved.flushed
        if waiting >= INLINE_CHUNKS:
            self._full.add(owner_id)
        elif waiting // PENDING_CHUNKS > (waiting - count) // PENDING_CHUNKS:
            # Of all processes that add, the one whose chunk is the last of so many.
            self._tidy_later(owner_id)
        return waiting

    async def _add_segment(self, unit: WriteUnit, prepared: PreparedSegment) -> None:
        """Adds messages whose chunks need not wait: what waits becomes a segment before them."""
        count = len(prepared.chunks)
        reserved = await unit.index.reserve(count, VERSION)
        if reserved.first - 1 > reserved.flushed:
            while await flush(unit.segments):
                pass
            self._full.discard(unit.owner_id)
        last = reserved.first + count - 1
        await unit.segments.insert_chunks(reserved.first, prepared.chunks)
        row = SegmentRecord(0, reserved.first, last, count, prepared.terms)
        segment_id = await unit.segments.insert(row, ready=True)
        left = iter(prepared.rows(reserved.first))
        while rows := await anyio.to_thread.run_sync(_next_rows, segment_id, left):
            await unit.segments.insert_postings(rows)
        await unit.segments.flushed_to(last)
        if self.for_vectors is not None:
            await self.for_vectors(unit, reserved.first, count)
        self._tidy_later(unit.owner_id)

    def _tidy_later(self, owner_id: int) -> None:
        self.due.add(owner_id)
        self.wake.set()


def _next_rows(segment_id: int, rows: Iterator[SegmentRow]) -> list[tuple[int, str, int, bytes]]:
    return [(segment_id, *row) for row in islice(rows, ROWS_AT_ONCE)]


def chunks_of(texts: Iterable[MessageText]) -> list[NewChunk]:
    """Messages in pieces with their terms; a message without text is one piece of nothing."""
    made = []
    for text in map(_own, texts):
        for ordinal, (start, end) in enumerate(ranges(text.content)):
            terms = _indexed(text, start, end)
            made.append(NewChunk(text.id, ordinal, start, end, terms.length, terms.joined))
    return made


def prepared_chunks(texts: Iterable[MessageText]) -> dict[MessageText, list[NewChunk]]:
    """The chunks of each message, to be made before the write that stores it."""
    return {text: chunks_of([text]) for text in texts}


def terms_again(chunk: StoredChunk) -> str:
    """The terms of a chunk, as they were made when it was stored."""
    return _indexed(_own(chunk.message), chunk.start, chunk.end).joined


def _own(text: MessageText) -> MessageText:
    own = own_content(text.content)
    return text if own is text.content else text._replace(content=own)


def _indexed(text: MessageText, start: int, end: int) -> Indexed:
    return indexed(
        text.content[start:end],
        speaker=text.name,
        conversation_id=text.conversation_id,
        role=text.role,
    )


class Made(NamedTuple):
    """Chunks that wait, and the runs of a segment of them."""

    chunks: list[tuple[int, str]]
    runs: list[Run]


async def made(waiting: list[tuple[int, str]]) -> Made:
    """The segment of chunks, which takes its time."""
    runs = await anyio.to_thread.run_sync(lambda: list(packed(segment(waiting))))
    return Made(waiting, runs)


async def flush(
    segments: SegmentRepository, limit: int = PENDING_CHUNKS, before: Made | None = None
) -> int:
    """Makes a segment of the chunks that wait, whose index is held; how many there were.

    What was made ``before`` the index was held is taken where the same chunks wait still.
    """
    waiting = await segments.pending(limit if before is None else len(before.chunks))
    if not waiting:
        return 0
    same = before is not None and before.chunks == waiting
    runs = before.runs if before is not None and same else (await made(waiting)).runs
    numbers = [number for number, _ in waiting]
    terms = sum(word_count(joined) for _, joined in waiting)
    row = SegmentRecord(0, numbers[0], numbers[-1], len(numbers), terms)
    segment_id = await segments.insert(row, ready=True)
    await segments.insert_postings([PostingRow(segment_id, *run) for run in runs])
    await segments.flushed(numbers)
    return len(numbers)


async def take_out(unit: WriteUnit, gone: Sequence[StoredChunk]) -> None:
    """Removes chunks and every word of them from the index."""
    await unit.index.lock()
    ordered = sorted(gone)
    if await unit.segments.overlap(ordered[0].number, ordered[-1].number):
        for start in range(0, len(ordered), BATCH):
            await _take_words_out(unit.segments, ordered[start : start + BATCH])
    await unit.index.remove([chunk.number for chunk in ordered])


async def _take_words_out(segments: SegmentRepository, gone: Sequence[StoredChunk]) -> None:
    """Chunks that wait still are in no segment, and nothing of them is found there."""
    terms_by_number = {chunk.number: terms_again(chunk) for chunk in gone}
    holders = terms_of(terms_by_number)
    low, high = gone[0].number, gone[-1].number
    # Counted again: the chunks were read before the index was held, and it may have been made anew
    # in between.
    lengths = {number: word_count(joined) for number, joined in terms_by_number.items()}
    terms = iter(holders)
    while batch := list(islice(terms, BATCH)):
        rows = await segments.holding(batch, low, high)
        changed = [row._replace(data=rid_of(Run(*row[1:]), holders)) for row in rows]
        await segments.replace(
            [new for old, new in zip(rows, changed, strict=True) if new.data != old.data]
        )
        for row in rows:
            for run in unpacked(Run(*row[1:])):
                if run.term.startswith(_ROLE):
                    await _shrink(segments, row.segment_id, run, lengths)


async def _shrink(
    segments: SegmentRepository, segment_id: int, run: Run, lengths: Mapping[int, int]
) -> None:
    """Every chunk has one role, so the runs of the roles tell which segment it was in."""
    held = [lengths[n] for n in decode([run.data]).numbers.tolist() if n in lengths]
    if held:
        await segments.shrink(segment_id, len(held), sum(held))
