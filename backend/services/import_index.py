"""What the index will hold of an import's messages, made before the write that stores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backend.repositories.records import MessageRecord
from backend.retrieval.blocks import Block, ChunkText, block_of
from backend.services.chunking import own_content, ranges


class IndexBlock(NamedTuple):
    """The chunks of some messages and their postings, as plain values."""

    message_ids: list[str]
    chunks: list[tuple[str, int, int, int, int]]
    block: Block


def index_block(messages: Iterable[MessageRecord]) -> IndexBlock:
    """The block of finished messages."""
    ids: list[str] = []
    places: list[tuple[str, int, int, int]] = []
    block, lengths = block_of(_chunks(messages, ids, places))
    chunks = [(*place, length) for place, length in zip(places, lengths, strict=True)]
    return IndexBlock(ids, chunks, block)


def _chunks(
    messages: Iterable[MessageRecord], ids: list[str], places: list[tuple[str, int, int, int]]
) -> Iterator[ChunkText]:
    """The chunks of messages, one by one; whose and where they are is noted meanwhile."""
    for row in messages:
        ids.append(row.id)
        content = own_content(row.content)
        for ordinal, (start, end) in enumerate(ranges(content)):
            places.append((row.id, ordinal, start, end))
            yield ChunkText(content[start:end], row.name, row.conversation_id, row.role)
