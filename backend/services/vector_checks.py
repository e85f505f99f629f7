"""Whether every vector is of the text it belongs to, and nothing is left without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from backend.repositories.embedding_checks import CheckedVector, EmbeddingCheckRepository
from backend.repositories.store import Store
from backend.retrieval.vectors import from_bytes
from backend.services.embedding import passage_of, text_hash

NAME = "the vectors of messages"
TOLERANCE = 0.01
"""By how much the length of a vector may differ from 1: it is kept in half precision."""


async def vector_problems(store: Store) -> AsyncGenerator[str, None]:
    """One line for each problem. What waits for a vector is none; what nobody queued is one as long
    as an embedder is configured."""
    async with store.database.snapshot(long=True) as connection:
        repository = EmbeddingCheckRepository(connection)
        async with aclosing(repository.vectors()) as vectors:
            async for vector in vectors:
                if wrong := _wrong(vector):
                    place = _place(vector.owner, vector.conversation_id, vector.message_id)
                    yield f"{place}: its vector of {vector.model} {wrong}"
        async with aclosing(repository.both()) as places:
            async for owner, conversation, message, model in places:
                place = _place(owner, conversation, message)
                yield f"{place}: it waits for a vector it has, of {model}"
        if not store.database.settings.embedder:
            return
        async with aclosing(repository.neither()) as places:
            async for owner, conversation, message, model in places:
                yield f"{_place(owner, conversation, message)}: no vector of {model}, nor queued"


def _wrong(vector: CheckedVector) -> str:
    if vector.text_hash != text_hash(passage_of(vector.chunk)):
        return "is of another text"
    try:
        [row] = from_bytes([vector.vector], vector.dimensions)
    except ValueError:
        return "has another length than the model's"
    length = float(np.linalg.norm(row))
    return "" if length == 0 or abs(length - 1) < TOLERANCE else "is no direction"


def _place(owner: str, conversation: str, message: str) -> str:
    return f"owner {owner}, conversation {conversation}, message {message}"
