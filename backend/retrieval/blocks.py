"""The postings of many chunks at once, made before the chunks have numbers.

An import brings chunks by the thousand. They need not wait one by one with their terms as text:
here words become numbers as they are met, and one sort makes the postings of all. The form
is that of ``postings``; the numbers count from 0 and are raised when the chunks are stored.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from backend.lazy import Lazy
from backend.retrieval.analysis import fold, identifiers, terms
from backend.retrieval.ascii_texts import (
    NUMBER_BITS,
    Keys,
    fits,
    key_of,
    numbers_in,
    suspects,
    terms_in,
    word_keys,
)
from backend.retrieval.documents import in_conversation, with_role
from backend.retrieval.postings import (
    MAX_FREQUENCY,
    POSTING_BYTES,
    RUN_LENGTH,
    Run,
    length_code,
    record,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")

Numbers: TypeAlias = "NDArray[np.int64]"
Piece = tuple[int, str]
SLICE = 128 * 1024
"""Characters that are cut into words together."""

_RAISED_AT_ONCE = 96 * 1024


class Block(NamedTuple):
    """Chunks numbered from 0: ``data`` holds the postings of all ``terms``, which ascend by code
    point, one term's after the other's; ``counts`` (32 bits each, little-endian) says how many each
    has. ``chunks`` have ``length`` terms in all, scope terms left out."""

    chunks: int
    length: int
    terms: list[str]
    counts: bytes
    data: bytes


class ChunkText(NamedTuple):
    """What the index takes of a chunk, as ``documents.indexed`` does."""

    text: str
    speaker: str | None
    conversation_id: str
    role: str


def block_of(chunks: Sequence[ChunkText]) -> tuple[Block, list[int]]:
    """The block of some chunks, and each one's length in terms."""
    found = _Found(len(chunks))
    pieces = [(number, chunk.text) for number, chunk in enumerate(chunks)]
    pieces += [(number, chunk.speaker) for number, chunk in enumerate(chunks) if chunk.speaker]
    for some in _slices(pieces):
        found.take(some)
    lengths = found.lengths.copy()
    for number, chunk in enumerate(chunks):
        found.add(number, in_conversation(chunk.conversation_id))
        found.add(number, with_role(chunk.role))
    return found.block(lengths), lengths.tolist()


def _slices(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces, some at a time, so that what is made of them is small."""
    some: list[Piece] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += len(piece[1])
        if size >= SLICE:
            yield some
            some, size = [], 0
    if some:
        yield some


class _Found:
    """The terms of chunks as they are found: as keys where they fit into one, else by numbers."""

    def __init__(self, chunks: int) -> None:
        self.lengths = np.zeros(chunks, np.int64)
        self._keys: list[Keys] = []
        self._added = array("Q")
        self._ids: dict[str, int] = {}
        self._others = array("Q")

    def take(self, pieces: Sequence[Piece]) -> None:
        """Takes in the terms of texts."""
        folded = [(number, fold(text)) for number, text in pieces]
        plain = [(number, text) for number, text in folded if text.isascii()]
        if plain:
            keys, rest = word_keys(*zip(*plain, strict=True))
            self._keys.append(keys)
            self.lengths += np.bincount(numbers_in(keys), minlength=len(self.lengths))
            self._add_all(rest)
        self._add_all(_identifiers([piece for piece in pieces if piece[1].isascii()]))
        for (number, text), (_, same) in zip(pieces, folded, strict=True):
            if not text.isascii():
                found = identifiers(text) if same.isascii() else terms(text)
                self._add_all((number, term) for term in found)

    def _add_all(self, found: Iterable[tuple[int, str]]) -> None:
        for number, term in found:
            self.add(number, term)
            self.lengths[number] += 1

    def add(self, number: int, term: str) -> None:
        """Takes in one term, which adds nothing to its chunk's length."""
        if fits(term):
            self._added.append(key_of(term, number))
        else:
            held = self._ids.setdefault(term, len(self._ids))
            self._others.append(held << NUMBER_BITS | number)

    def block(self, lengths: Numbers) -> Block:
        """The block of all that was found."""
        short = _counted(np.concatenate([*self._keys, np.array(self._added, np.uint64)]))
        self._keys.clear()
        others, other_terms = self._ranked()
        long = _counted(others)
        every = terms_in(short.keys[short.starts]) + other_terms
        order = sorted(range(len(every)), key=every.__getitem__)
        counts = np.concatenate([short.counts, long.counts])[order]
        starts = np.concatenate([short.starts, long.starts + len(short.keys)])[order]
        begins = np.cumsum(counts) - counts
        places = np.repeat(starts - begins, counts) + np.arange(counts.sum())
        numbers = numbers_in(np.concatenate([short.keys, long.keys]))[places]
        records = np.empty(len(numbers), record())
        records["number"] = numbers
        records["frequency"] = np.concatenate([short.frequencies, long.frequencies])[places]
        records["length"] = np.array(list(map(_code, lengths.tolist())), np.uint8)[numbers]
        return Block(
            len(lengths),
            int(lengths.sum()),
            [every[place] for place in order],
            counts.astype("<u4").tobytes(),
            records.tobytes(),
        )

    def _ranked(self) -> tuple[Keys, list[str]]:
        """The terms that have no key, in order, and their occurrences like keys, by rank."""
        ordered = sorted(self._ids)
        ranks = np.empty(len(ordered), np.uint64)
        ranks[[self._ids[term] for term in ordered]] = np.arange(len(ordered), dtype=np.uint64)
        others = np.array(self._others, np.uint64)
        bits = np.uint64(NUMBER_BITS)
        return ranks[others >> bits] << bits | numbers_in(others).astype(np.uint64), ordered


class _Counted(NamedTuple):
    """Distinct keys in order, how often each came; where each term's begin, and how many."""

    keys: Keys
    frequencies: Numbers
    starts: Numbers
    counts: Numbers


def _counted(keys: Keys) -> _Counted:
    keys.sort()
    firsts = _changes(keys)
    distinct = keys[firsts]
    frequencies = np.minimum(np.diff(firsts, append=len(keys)), MAX_FREQUENCY)
    starts = _changes(distinct >> np.uint64(NUMBER_BITS))
    return _Counted(distinct, frequencies, starts, np.diff(starts, append=len(distinct)))


def _changes(ordered: Keys) -> Numbers:
    """The places where another value begins."""
    begins = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _identifiers(pieces: Sequence[Piece]) -> Iterator[tuple[int, str]]:
    for place in suspects([text for _, text in pieces]):
        number, text = pieces[place]
        for term in identifiers(text):
            yield number, term


_code = lru_cache(maxsize=4096)(length_code)


def runs_of(block: Block, first: int) -> Iterator[Run]:
    """The rows of a segment, in order, once the first chunk's number is known.

    Whoever stores an import only takes slices of the block: NumPy, which it does not use, would be
    16 MiB of its memory.
    """
    data = _raised(block.data, first)
    counts = array("I", block.counts)
    if sys.byteorder == "big":
        counts.byteswap()
    step = RUN_LENGTH * POSTING_BYTES
    begin = 0
    for term, count in zip(block.terms, counts, strict=True):
        end = begin + count * POSTING_BYTES
        # Most terms have one run.
        for at in range(begin, end, step):
            number = int.from_bytes(data[at : at + 4], "little")
            yield Run(term, number, data[at : min(at + step, end)])
        begin = end


def _raised(data: bytes, first: int) -> bytes:
    """Postings with numbers higher by ``first``: all are one number, to which one is added that
    repeats it. No sum reaches into its neighbour, for a chunk's number has 32 bits."""
    added = first.to_bytes(POSTING_BYTES, "little") * (_RAISED_AT_ONCE // POSTING_BYTES)
    raised = []
    for at in range(0, len(data), len(added)):
        part = data[at : at + len(added)]
        total = int.from_bytes(part, "little") + int.from_bytes(added[: len(part)], "little")
        raised.append(total.to_bytes(len(part), "little"))
    return b"".join(raised)
