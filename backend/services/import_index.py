"""What the index will hold of an import's messages, made before the write that stores them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from backend.repositories.records import MessageRecord
from backend.retrieval.blocks import Block, BlockBuilder
from backend.services.chunking import own_content, ranges


class IndexBlock(NamedTuple):
    """The chunks of some messages and their postings, as plain values."""

    message_ids: list[str]
    chunks: list[tuple[str, int, int, int, int]]
    block: Block


def index_block(messages: Iterable[MessageRecord]) -> IndexBlock:
    """The block of finished messages."""
    builder = BlockBuilder()
    ids, chunks = [], []
    for row in messages:
        ids.append(row.id)
        content = own_content(row.content)
        for ordinal, (start, end) in enumerate(ranges(content)):
            length = builder.add(
                content[start:end],
                speaker=row.name,
                conversation_id=row.conversation_id,
                role=row.role,
            )
            chunks.append((row.id, ordinal, start, end, length))
    return IndexBlock(ids, chunks, builder.build())
