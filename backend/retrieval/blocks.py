"""The postings of many chunks at once, made before the chunks have numbers.

An import brings chunks by the thousand. They need not wait one by one with their terms as text:
here words become small integers as they are met, and one sort makes the postings of all. The form
is that of ``postings``; the numbers count from 0 and are raised when the chunks are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.retrieval.analysis import ascii_words, identifiers, stem, terms
from backend.retrieval.documents import in_conversation, with_role
from backend.retrieval.postings import (
    MAX_FREQUENCY,
    POSTING_BYTES,
    RECORD,
    RUN_LENGTH,
    Run,
    length_code,
)


class Block(NamedTuple):
    """Chunks numbered from 0: ``data`` holds the postings of all ``terms``, which ascend by code
    point, one term's after the other's; ``counts`` (32 bits each, little-endian) says how many each
    has. ``chunks`` have ``length`` terms in all, scope terms left out."""

    chunks: int
    length: int
    terms: list[str]
    counts: bytes
    data: bytes


class BlockBuilder:
    """Collects chunks; what it holds grows with their words, so a builder is for one block."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._words = _Words(self._ids)
        self._found: list[int] = []
        self._sizes: list[int] = []
        self._lengths: list[int] = []

    def add(self, text: str, *, speaker: str | None, conversation_id: str, role: str) -> int:
        """Takes in a chunk; its length in terms. The terms are those of ``documents.indexed``."""
        found = self._terms(text)
        if speaker:
            found += self._terms(speaker)
        length = len(found)
        found.append(self._id(in_conversation(conversation_id)))
        found.append(self._id(with_role(role)))
        self._found += found
        self._sizes.append(length + 2)
        self._lengths.append(length)
        return length

    def build(self) -> Block:
        """The block of all chunks."""
        count = len(self._lengths)
        ordered = sorted(self._ids)
        ranks = np.empty(len(ordered), np.int64)
        ranks[[self._ids[term] for term in ordered]] = np.arange(len(ordered))
        chunks = np.repeat(np.arange(count), self._sizes)
        keys, frequencies = np.unique(
            ranks[np.array(self._found, np.int64)] * count + chunks, return_counts=True
        )
        numbers = keys % count
        records = np.empty(len(keys), RECORD)
        records["number"] = numbers
        records["frequency"] = np.minimum(frequencies, MAX_FREQUENCY)
        records["length"] = np.array(list(map(_code, self._lengths)), np.uint8)[numbers]
        counts = np.bincount(keys // count, minlength=len(ordered)).astype("<u4")
        return Block(count, sum(self._lengths), ordered, counts.tobytes(), records.tobytes())

    def _terms(self, text: str) -> list[int]:
        if not text.isascii():
            return [self._id(term) for term in terms(text)]
        words = self._words
        found = [words[word] for word in ascii_words(text)]
        found += [self._id(term) for term in identifiers(text)]
        return found

    def _id(self, term: str) -> int:
        return self._ids.setdefault(term, len(self._ids))


class _Words(dict[bytes, int]):
    """The numbers of the terms that folded words of ASCII stand for."""

    def __init__(self, ids: dict[str, int]) -> None:
        super().__init__()
        self._ids = ids

    def __missing__(self, word: bytes) -> int:
        found = self[word] = self._ids.setdefault(stem(word.decode()), len(self._ids))
        return found


_code = lru_cache(maxsize=4096)(length_code)


def runs_of(block: Block, first: int) -> Iterator[Run]:
    """The rows of a segment, in order, once the first chunk's number is known."""
    records: NDArray[np.void] = np.frombuffer(block.data, RECORD).copy()
    records["number"] += np.uint32(first)
    data = records.tobytes()
    step = RUN_LENGTH * POSTING_BYTES
    begin = 0
    for term, count in zip(block.terms, np.frombuffer(block.counts, "<u4").tolist(), strict=True):
        end = begin + count * POSTING_BYTES
        for at in range(begin, end, step):
            stop = min(at + step, end)
            yield Run(term, int.from_bytes(data[at : at + 4], "little"), data[at:stop])
        begin = end
