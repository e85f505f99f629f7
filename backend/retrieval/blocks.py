"""The postings of many chunks at once, made before the chunks have numbers.

An import brings chunks by the thousand. They need not wait one by one with their terms as text:
here words become numbers as they are met, and one sort makes the postings of all. The form
is that of ``postings``; the numbers count from 0 and are raised when the chunks are stored.
"""

from __future__ import annotations

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
from backend.retrieval.packs import Row, filled, rows_of
from backend.retrieval.postings import (
    MAX_FREQUENCY,
    POSTING_BYTES,
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
SLICE = 64 * 1024
"""Characters that are cut into words together."""

_RAISED_AT_ONCE = 96 * 1024


class Block(NamedTuple):
    """Chunks numbered from 0: ``data`` holds the postings of all ``rows``, one row's after the
    other's. ``chunks`` have ``length`` terms in all, scope terms left out."""

    chunks: int
    length: int
    rows: list[Row]
    data: bytes


class ChunkText(NamedTuple):
    """What the index takes of a chunk, as ``documents.indexed`` does."""

    text: str
    speaker: str | None
    conversation_id: str
    role: str


def block_of(chunks: Iterable[ChunkText]) -> tuple[Block, list[int]]:
    """The block of some chunks, and each one's length in terms. They are taken as they are cut."""
    found = _Found()
    for some in _slices(chunks):
        found.take(some)
    return found.block(), found.lengths


def _slices(chunks: Iterable[ChunkText]) -> Iterator[list[ChunkText]]:
    """The chunks, some at a time, so that what is made of them is small."""
    some: list[ChunkText] = []
    size = 0
    for chunk in chunks:
        some.append(chunk)
        size += len(chunk.text)
        if size >= SLICE:
            yield some
            some, size = [], 0
    if some:
        yield some


class _Numbers(dict[str, int]):
    """Terms that have no key, by the numbers they get as they come: the upper bits of what is like
    a key."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self) << NUMBER_BITS
        return number


class _Found:
    """The terms of chunks as they are found: as keys where they fit into one, else by numbers."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._keys: list[Keys] = []
        self._added = array("Q")
        self._ids = _Numbers()
        self._others = array("Q")

    def take(self, chunks: Sequence[ChunkText]) -> None:
        """Takes in the next chunks."""
        first = len(self.lengths)
        pieces = [(number, chunk.text) for number, chunk in enumerate(chunks, first)]
        pieces += [(n, chunk.speaker) for n, chunk in enumerate(chunks, first) if chunk.speaker]
        others = list(self._words(pieces))
        counted = np.array([number for number, _ in others], np.int64)
        holders = np.concatenate([numbers_in(self._keys[-1]), counted]) - first
        self.lengths += np.bincount(holders, minlength=len(chunks)).tolist()
        for number, term in others:
            self._add(number, term)
        for number, chunk in enumerate(chunks, first):
            self._others.append(self._ids[_conversation(chunk.conversation_id)] | number)
            self._others.append(self._ids[_role(chunk.role)] | number)

    def _words(self, pieces: Sequence[Piece]) -> Iterator[tuple[int, str]]:
        """The terms of texts which have no key of themselves; the keys are kept."""
        folded = [(number, fold(text)) for number, text in pieces]
        plain = [(number, text) for number, text in folded if _is_plain(text)]
        keys, rest = word_keys([number for number, _ in plain], [text for _, text in plain])
        self._keys.append(keys)
        yield from rest
        yield from _identifiers([piece for piece in pieces if piece[1].isascii()])
        for (number, text), (_, same) in zip(pieces, folded, strict=True):
            if not text.isascii():
                found = identifiers(text) if _is_plain(same) else terms(text)
                for term in found:
                    yield number, term

    def _add(self, number: int, term: str) -> None:
        if fits(term):
            self._added.append(key_of(term, number))
        else:
            self._others.append(self._ids[term] | number)

    def block(self) -> Block:
        """The block of all that was found."""
        self._keys.append(np.array(self._added, np.uint64))
        joined = np.concatenate(self._keys)
        self._keys.clear()
        short = _counted(joined)
        others, other_terms = self._ranked()
        long = _counted(others)
        every = terms_in(short.terms) + other_terms
        order = sorted(range(len(every)), key=every.__getitem__)
        counts = np.concatenate([short.counts, long.counts])[order]
        starts = np.concatenate([short.starts, long.starts + len(short.numbers)])[order]
        places = np.repeat(starts - (np.cumsum(counts) - counts), counts)
        places += np.arange(len(places))
        return Block(
            len(self.lengths),
            sum(self.lengths),
            rows_of([every[place] for place in order], counts.tolist()),
            self._records(short, long, places),
        )

    def _records(self, short: _Counted, long: _Counted, places: Numbers) -> bytes:
        records = np.empty(len(places), record())
        numbers = np.concatenate([short.numbers, long.numbers])[places]
        records["number"] = numbers
        records["frequency"] = np.concatenate([short.frequencies, long.frequencies])[places]
        records["length"] = np.array(list(map(_code, self.lengths)), np.uint8)[numbers]
        return records.tobytes()

    def _ranked(self) -> tuple[Keys, list[str]]:
        """The occurrences of terms that have no key, like keys, by rank; these terms, in order."""
        ordered = sorted(self._ids)
        ranks = np.empty(len(ordered), np.uint64)
        ranks[[self._ids[term] >> NUMBER_BITS for term in ordered]] = np.arange(
            len(ordered), dtype=np.uint64
        )
        others = np.array(self._others, np.uint64)
        bits = np.uint64(NUMBER_BITS)
        return ranks[others >> bits] << bits | numbers_in(others).astype(np.uint64), ordered


class _Counted(NamedTuple):
    """The chunks' numbers of distinct keys, in order, and how often each came; the first key of
    every term, where its keys begin, and how many they are."""

    numbers: NDArray[np.uint32]
    frequencies: NDArray[np.uint8]
    terms: Keys
    starts: Numbers
    counts: Numbers


def _counted(keys: Keys) -> _Counted:
    keys.sort()
    firsts = _changes(keys)
    frequencies = np.minimum(np.diff(firsts, append=len(keys)), MAX_FREQUENCY).astype(np.uint8)
    keys = keys[firsts]
    starts = _changes(keys >> np.uint64(NUMBER_BITS))
    counts = np.diff(starts, append=len(keys))
    numbers = numbers_in(keys).astype(np.uint32)
    return _Counted(numbers, frequencies, keys[starts], starts, counts)


def _changes(ordered: Keys) -> Numbers:
    """The places where another value begins."""
    begins = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _is_plain(folded: str) -> bool:
    """Whether words of a folded text are found by its bytes, which takes capitals for small ones.
    A mathematical letter becomes a capital by folding, and stays one."""
    return folded.isascii() and folded == folded.lower()


def _identifiers(pieces: Sequence[Piece]) -> Iterator[tuple[int, str]]:
    for place in suspects([text for _, text in pieces]):
        number, text = pieces[place]
        for term in identifiers(text):
            yield number, term


_code = lru_cache(maxsize=4096)(length_code)
# Neighbours are of one conversation.
_conversation = lru_cache(maxsize=16)(in_conversation)
_role = lru_cache(maxsize=16)(with_role)


def stored_rows(block: Block, first: int) -> Iterator[Run]:
    """The rows of a segment, in order, once the first chunk's number is known.

    Whoever stores an import only takes slices of the block: NumPy, which it does not use, would be
    16 MiB of its memory.
    """
    return filled(block.rows, _raised(block.data, first))


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
