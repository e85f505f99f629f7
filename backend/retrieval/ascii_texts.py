"""Many texts of ASCII at once: their words as numbers, and which of them may hold identifiers.

A word's term is at most five of its letters, which fit into a number together with the chunk they
stand in. Such numbers sort as the terms do, so that one sort makes postings of them, and no word
is ever an object: those of 4 MiB of text would take 30 MiB, and three quarters of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from backend.lazy import Lazy
from backend.retrieval.analysis import STEM_LENGTH, ascii_folded, ascii_kinds, stem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")

Keys: TypeAlias = "NDArray[np.uint64]"
Places: TypeAlias = "NDArray[np.int64]"

NUMBER_BITS = 24
"""Of a key, for the chunk's number; the term has the upper five bytes. The largest conversation
that is read has some eight million messages."""

_NUMBER = 2**NUMBER_BITS - 1
_WORD_BYTES = 8
_TAIL = b" " * _WORD_BYTES


def key_of(term: str, number: int) -> int:
    """The key of a term that fits into one."""
    return int.from_bytes(term.encode().ljust(STEM_LENGTH, b"\0"), "big") << NUMBER_BITS | number


def fits(term: str) -> bool:
    """Whether there is a key for a term."""
    return len(term) <= STEM_LENGTH and term.isascii()


def numbers_in(keys: Keys) -> Places:
    """The chunks' numbers."""
    return (keys & np.uint64(_NUMBER)).astype(np.int64)


def terms_in(keys: Keys) -> list[str]:
    """The terms."""
    packed = (keys & ~np.uint64(_NUMBER)).astype(">u8").view(f"S{_WORD_BYTES}")
    return [term.decode() for term in packed.tolist()]


def word_keys(numbers: Sequence[int], texts: Sequence[str]) -> tuple[Keys, list[tuple[int, str]]]:
    """The key of every word of some texts, each with the number of its chunk; beside them the
    numbers and terms of words with digits that are too long for a key."""
    folded = b" " + ascii_folded(" ".join(texts).encode()) + _TAIL
    letters = np.frombuffer(folded, np.uint8)
    is_word = letters != ord(" ")
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, stops = edges[0::2], edges[1::2]
    lengths = stops - starts
    ends = np.fromiter(accumulate(len(text) + 1 for text in texts), np.int64, len(texts))
    words_before = np.searchsorted(starts, ends)
    holders = np.repeat(np.array(numbers, np.uint64), np.diff(words_before, prepend=0))
    windows = np.ndarray((len(folded) - _WORD_BYTES + 1,), ">u8", folded, strides=(1,))
    keys = windows[starts].astype(np.uint64) & _masks()[np.minimum(lengths, STEM_LENGTH)] | holders
    long = _long_with_digits(letters, starts, lengths)
    rest = [
        (int(holders[place]), stem(folded[starts[place] : stops[place]].decode()))
        for place in long.tolist()
    ]
    return (np.delete(keys, long) if rest else keys), rest


def suspects(texts: Sequence[str]) -> list[int]:
    """The places of those texts that may hold identifiers.

    These are found by a sign before a letter, or a small letter and a capital; see `analysis`.
    """
    joined = b" " + ascii_kinds(" ".join(texts).encode()) + b"  "
    kinds = np.frombuffer(joined, np.uint8)
    a, capital, sign, low, number = b"aA-_#"
    signs = np.flatnonzero((kinds == sign) | (kinds == low) | (kinds == number))
    after = kinds[signs + 1]
    compound = signs[(kinds[signs] == number) | (after == a) | (after == capital) | (after == low)]
    capitals = np.flatnonzero(kinds == capital)
    before = kinds[capitals - 1]
    word_follows = (kinds[capitals + 1] == a) & (kinds[capitals + 2] == a)
    camel = capitals[(before == a) | (before == capital) & word_follows]
    ends = np.fromiter(accumulate(len(text) + 1 for text in texts), np.int64, len(texts))
    found = np.searchsorted(ends, np.concatenate([compound, camel]) - 1, "right")
    return sorted(set(found.tolist()))


def _long_with_digits(letters: NDArray[np.uint8], starts: Places, lengths: Places) -> Places:
    """The places of words that are longer than a key, and no words of letters alone."""
    digits = np.flatnonzero(letters - np.uint8(ord("0")) < 10)
    holding = np.unique(np.searchsorted(starts, digits, "right") - 1)
    return holding[lengths[holding] > STEM_LENGTH]


def _masks() -> Keys:
    """What keeps the first bytes of a window, by how many."""
    return np.array([2**64 - 2 ** (64 - 8 * count) for count in range(STEM_LENGTH + 1)], np.uint64)
