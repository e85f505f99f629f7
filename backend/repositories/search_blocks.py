"""Many chunks stored at once, with the segment they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import SearchChunk
from backend.repositories.bulk import insert_rows

COLUMNS = (
    "owner_id",
    "number",
    "message_id",
    "ordinal",
    "start_offset",
    "end_offset",
    "term_count",
)


ChunkPlace = tuple[str, int, int, int, int]
"""A message's id, the chunk's place in it from 0, its start and end, its length in terms."""


SegmentRow = tuple[str, int, bytes]
"""A row of a segment: a term, a first number, postings or a pack of them."""


class PreparedSegment(NamedTuple):
    """All chunks of some messages, and their postings: ``rows`` gives the segment's rows, once it
    is known what number the first chunk gets."""

    message_ids: list[str]
    chunks: list[ChunkPlace]
    terms: int
    rows: Callable[[int], Iterable[SegmentRow]]


async def store_chunks(
    connection: AsyncConnection, owner_id: int, first: int, chunks: Sequence[ChunkPlace]
) -> None:
    """Stores chunks, numbered from ``first`` on; their terms are the caller's to store."""
    rows = [(owner_id, number, *chunk) for number, chunk in enumerate(chunks, first)]
    await insert_rows(connection, SearchChunk.__table__, COLUMNS, rows)
