"""The postings of many chunks at once, made before the chunks have numbers.

An import brings chunks by the thousand. They need not wait one by one with their terms as text:
here words become small integers as they are met, and one sort makes the postings of all. The form
is that of ``postings``; the numbers count from 0 and are raised when the chunks are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from backend.lazy import Lazy
from backend.retrieval.analysis import MARK, ascii_words, identifiers, stem, suspects, terms
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
_BETWEEN = f" {MARK.decode('latin-1')} "


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
    ids: dict[str, int] = {}
    pieces = [(number, chunk.text) for number, chunk in enumerate(chunks)]
    pieces += [(number, chunk.speaker) for number, chunk in enumerate(chunks) if chunk.speaker]
    plain = [piece for piece in pieces if piece[1].isascii()]
    numbers, terms_found = _plain_words(plain, ids)
    others = list(_plain_identifiers(plain))
    others += [(n, term) for n, text in pieces if not text.isascii() for term in terms(text)]
    words = np.concatenate([numbers, np.array([number for number, _ in others], np.int64)])
    lengths = np.bincount(words, minlength=len(chunks))
    for number, chunk in enumerate(chunks):
        others.append((number, in_conversation(chunk.conversation_id)))
        others.append((number, with_role(chunk.role)))
    holders = np.concatenate([numbers, np.array([number for number, _ in others], np.int64)])
    held = np.array([ids.setdefault(term, len(ids)) for _, term in others], np.int64)
    return _sorted(ids, holders, np.concatenate([terms_found, held]), lengths), lengths.tolist()


def _sorted(ids: dict[str, int], holders: Numbers, held: Numbers, lengths: Numbers) -> Block:
    """The block of pairs of a chunk's number and the number of a term it holds."""
    count = len(lengths)
    ordered = sorted(ids)
    ranks = np.empty(len(ordered), np.int64)
    ranks[[ids[term] for term in ordered]] = np.arange(len(ordered))
    keys, frequencies = np.unique(ranks[held] * count + holders, return_counts=True)
    numbers = keys % count
    records = np.empty(len(keys), record())
    records["number"] = numbers
    records["frequency"] = np.minimum(frequencies, MAX_FREQUENCY)
    records["length"] = np.array(list(map(_code, lengths.tolist())), np.uint8)[numbers]
    counts = np.bincount(keys // count, minlength=len(ordered)).astype("<u4")
    return Block(count, int(lengths.sum()), ordered, counts.tobytes(), records.tobytes())


def _plain_words(pieces: Sequence[Piece], ids: dict[str, int]) -> tuple[Numbers, Numbers]:
    """For every word of texts in ASCII the number of its chunk and the number of its term.

    All texts are cut as one, with a byte between them that none of them holds.
    """
    words = _Words(ids)
    joined = _BETWEEN.join(text for _, text in pieces).encode("latin-1")
    found = np.array(list(map(words.__getitem__, ascii_words(joined))), np.int64)
    between = found == words[MARK]
    texts = np.cumsum(between)[~between]
    return np.array([number for number, _ in pieces], np.int64)[texts], found[~between]


def _plain_identifiers(pieces: Sequence[Piece]) -> Iterator[tuple[int, str]]:
    for place in suspects([text for _, text in pieces]):
        number, text = pieces[place]
        for term in identifiers(text):
            yield number, term


class _Words(dict[bytes, int]):
    """The numbers of the terms that folded words of ASCII stand for."""

    def __init__(self, ids: dict[str, int]) -> None:
        super().__init__({MARK: -1})
        self._ids = ids

    def __missing__(self, word: bytes) -> int:
        found = self[word] = self._ids.setdefault(stem(word.decode()), len(self._ids))
        return found


_code = lru_cache(maxsize=4096)(length_code)


def runs_of(block: Block, first: int) -> Iterator[Run]:
    """The rows of a segment, in order, once the first chunk's number is known."""
    records: NDArray[np.void] = np.frombuffer(block.data, record()).copy()
    records["number"] += np.uint32(first)
    data = records.tobytes()
    counts = np.frombuffer(block.counts, "<u4").astype(np.int64)
    ends = np.cumsum(counts)
    firsts = records["number"][ends - counts].tolist()
    step = RUN_LENGTH * POSTING_BYTES
    begin = 0
    for term, number, end in zip(block.terms, firsts, (ends * POSTING_BYTES).tolist(), strict=True):
        # Most terms have one run, so no more than a slice is made for each of these.
        if end - begin <= step:
            yield Run(term, number, data[begin:end])
        else:
            for at in range(begin, end, step):
                stop = min(at + step, end)
                yield Run(term, int.from_bytes(data[at : at + 4], "little"), data[at:stop])
        begin = end
