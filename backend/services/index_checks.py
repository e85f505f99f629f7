"""Whether every index holds exactly the words of the messages that are stored.

The terms of each chunk are made again from its text. To hold them against the postings, which are
kept by term, both are added up by chunk as numbers: a sum tells every difference but one in 2**64.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.repositories.search_checks import IndexCheckRepository
from backend.repositories.search_index import StoredChunk
from backend.repositories.store import Store
from backend.retrieval.packs import unpacked
from backend.retrieval.postings import Run, decode, length_code, lengths
from backend.services.indexing import terms_again

NAME = "the search index"
Sums = NDArray[np.uint64]


class _Found(NamedTuple):
    """What an index holds: by chunk the sum of its postings, and which chunks each segment has."""

    sums: Sums
    segments: dict[int, set[int]]


async def index_problems(store: Store) -> AsyncGenerator[str, None]:
    """One line for each problem."""
    async with store.database.snapshot(long=True) as connection:
        repository = IndexCheckRepository(connection)
        async with aclosing(repository.unindexed()) as messages:
            async for owner, conversation, message in messages:
                place = f"owner {owner}, conversation {conversation}, message {message}"
                yield f"{place}: it is not in the search index"
        for owner_id, owner, next_number in await repository.owners():
            async with aclosing(_problems(repository, owner_id, next_number)) as problems:
                async for problem in problems:
                    yield f"owner {owner}{problem}"


async def _problems(
    repository: IndexCheckRepository, owner_id: int, next_number: int
) -> AsyncGenerator[str, None]:
    found = await _found(repository, owner_id, next_number)
    left = found.sums.copy()
    lengths: dict[int, int] = {}
    async for chunk in repository.chunks(owner_id):
        place = f", conversation {chunk.message.conversation_id}, message {chunk.message.id}"
        if chunk.number >= next_number:
            yield f"{place}: its number in the search index was never given"
            continue
        lengths[chunk.number] = chunk.term_count
        if int(left[chunk.number]) != _sum_of(terms_again(chunk)) or _out_of_text(chunk):
            yield f"{place}: the search index does not hold what it says"
        left[chunk.number] = 0
    for number in np.flatnonzero(left).tolist():
        yield f": the search index holds words of chunk {number}, which does not exist"
    for segment, first, last, chunks, terms in await repository.segments(owner_id):
        held = found.segments.get(segment, set())
        total = sum(lengths.get(number, 0) for number in held)
        inside = all(first <= number <= last for number in held)
        if not inside or (chunks, terms) != (len(held), total):
            yield f": segment {segment} of the search index does not hold as much as it says"


async def _found(repository: IndexCheckRepository, owner_id: int, next_number: int) -> _Found:
    sums = np.zeros(next_number + 1, np.uint64)
    segments: dict[int, set[int]] = {}
    async for number, joined in repository.pending(owner_id):
        sums[min(number, next_number)] += np.uint64(_sum_of(joined))
    async for segment, term, first, data in _runs(repository, owner_id):
        postings = decode([data])
        numbers = np.minimum(postings.numbers, next_number)
        codes = np.searchsorted(lengths(), postings.lengths).astype(np.uint64)
        values = _weights(postings.frequencies.astype(np.uint64), codes) * np.uint64(_key(term))
        # What a bound below hides from deletions would be found by searches.
        values[numbers < first] += np.uint64(1)
        np.add.at(sums, numbers, values)
        segments.setdefault(segment, set()).update(postings.numbers.tolist())
    return _Found(sums, segments)


async def _runs(
    repository: IndexCheckRepository, owner_id: int
) -> AsyncGenerator[tuple[int, str, int, bytes], None]:
    """Every run of an index with its segment and a number that bounds it from below."""
    async for segment, term, first, data in repository.rows(owner_id):
        for run in unpacked(Run(term, first, data)):
            yield segment, run.term, run.first_number, run.data


def _weights(frequencies: NDArray[np.uint64], codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return frequencies * np.uint64(256) + codes + np.uint64(1)


def _sum_of(joined: str) -> int:
    words = joined.split()
    counts = Counter(words)
    code = length_code(len(words) - joined.count("\x01"))
    total = sum((min(n, 255) * 256 + code + 1) * _key(term) for term, n in counts.items())
    return total % 2**64


@lru_cache(maxsize=100_000)
def _key(term: str) -> int:
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def _out_of_text(chunk: StoredChunk) -> bool:
    return not 0 <= chunk.start <= chunk.end <= len(chunk.message.content)
