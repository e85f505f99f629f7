"""Batches as bytes, for the pipe from the process that reads a large file.

A frame is its length (8 bytes, little-endian) and plain values as `marshal` writes them, with a
pickle among them; an empty one ends the stream. Only a process of our own writes to the pipe, which
is what makes both safe here.
"""

from __future__ import annotations

import gc
import marshal
import pickle
from dataclasses import astuple
from typing import Any, BinaryIO

from backend.repositories.plain_messages import PlainMessages
from backend.repositories.records import (
    ConversationRecord,
    ConversationRows,
    FeedbackRecord,
    VersionRecord,
)
from backend.retrieval.blocks import Block
from backend.services.import_batches import Batch, ImportFailure, ImportItem
from backend.services.import_index import IndexBlock

LENGTH = 8


def packed(batch: Batch) -> bytes:
    """A batch as bytes; named tuples go as tuples, which takes half the time."""
    messages = [PlainMessages.of(each.rows.messages).plain for each in batch.items]
    items = [(each.index, each.external_id, _plain(each.rows)) for each in batch.items]
    failures = [astuple(each) for each in batch.failures]
    block = batch.block and (batch.block.message_ids, batch.block.chunks, tuple(batch.block.block))
    # What has moments in it is a pickle, and little. Of plain values `marshal` takes half as long,
    # and it is by far the most: it goes as one, of which there is never a second copy.
    rest = pickle.dumps((items, failures), pickle.HIGHEST_PROTOCOL)
    values: Any = (rest, messages, block, batch.formats, batch.position, batch.total)
    return marshal.dumps(values)


def packed_error(error: Exception) -> bytes:
    """What went wrong, in place of a batch."""
    try:
        return marshal.dumps(pickle.dumps(error))
    except Exception:
        return marshal.dumps(pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}")))


def unpacked(data: bytes) -> Batch | Exception:
    """The batch, or what went wrong in its place."""
    value = _loaded(data)
    if isinstance(value, bytes):
        error: Exception = pickle.loads(value)  # noqa: S301
        return error
    rest, messages, block, formats, position, total = value
    items, failures = pickle.loads(rest)  # noqa: S301
    return Batch(
        [
            ImportItem(index, external_id, _rows(own, *rows))
            for own, (index, external_id, rows) in zip(messages, items, strict=True)
        ],
        [ImportFailure(*each) for each in failures],
        formats,
        block and IndexBlock(block[0], block[1], Block(*block[2])),
        position,
        total,
    )


def _loaded(plain: bytes) -> Any:
    """What was made plain. A hundred thousand tuples have the interpreter look for cycles, which
    such values cannot have."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return marshal.loads(plain)  # noqa: S302
    finally:
        if enabled:
            gc.enable()


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Writes one frame."""
    stream.write(len(data).to_bytes(LENGTH, "little"))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, None at the end; raises EOFError where the writer stopped before."""
    head = stream.read(LENGTH)
    length = int.from_bytes(head, "little")
    data = stream.read(length)
    if len(head) < LENGTH or len(data) < length:
        raise EOFError("The process that reads the file ended before the file did.")
    return data or None


def _plain(rows: ConversationRows) -> tuple[Any, ...]:
    return (
        tuple(rows.conversation),
        rows.tags,
        list(map(tuple, rows.versions)),
        list(map(tuple, rows.feedback)),
        rows.leaf_id,
    )


def _rows(
    messages: Any, conversation: Any, tags: Any, versions: Any, feedback: Any, leaf_id: Any
) -> ConversationRows:
    return ConversationRows(
        ConversationRecord._make(conversation),
        PlainMessages(messages),
        tags,
        list(map(VersionRecord._make, versions)),
        list(map(FeedbackRecord._make, feedback)),
        leaf_id,
    )
