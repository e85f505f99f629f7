"""Vectors of one owner, searched in this process: 1-bit codes to find, float16 to rank.

A code keeps only on which side of the centre a vector lies in each dimension, 48 bytes for 384
dimensions, so that the codes of a million chunks fit in 48 MB. Embeddings lean to one side (two
random messages are far from orthogonal): without taking the centre off, half the neighbours are
lost. The best by Hamming distance are then compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from backend.lazy import Lazy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")

Vector: TypeAlias = "NDArray[np.float32]"
Codes: TypeAlias = "NDArray[np.uint64]"
Halves: TypeAlias = "NDArray[np.float16]"

RESCORED = 1000
"""How many of the nearest codes are compared exactly, to find the best hundred."""

_STORED = "<f2"
_STORED_BYTES = 2
_BLOCK = 4096
"""Vectors of a block."""

_FARTHEST = 2**16 - 1
_MOST_GONE = 8
"""Of so many chunks that are held, one may be gone."""


def normalised(vectors: NDArray[np.floating]) -> Vector:
    """Rows of length 1; a row of zeros stays what it is."""
    rows = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, np.where(lengths > 0, lengths, 1), dtype=np.float32)


def to_bytes(vector: Vector) -> bytes:
    """A vector as it is stored: float16, little-endian."""
    return np.asarray(vector).astype(_STORED).tobytes()


def from_bytes(stored: Sequence[bytes], dimensions: int) -> Vector:
    """Stored vectors as rows; raises ValueError where one is not of so many dimensions."""
    if any(len(one) != dimensions * _STORED_BYTES for one in stored):
        raise ValueError(f"a stored vector does not have {dimensions} dimensions")
    joined = np.frombuffer(b"".join(stored), _STORED)
    return joined.reshape(len(stored), dimensions).astype(np.float32)


def codes(vectors: Vector, centre: Vector) -> Codes:
    """A column of bits a vector, in 64-bit words, the last filled up with zeros."""
    bits = np.packbits(vectors > centre, axis=1)
    missing = -bits.shape[1] % 8
    words = np.ascontiguousarray(np.pad(bits, ((0, 0), (0, missing)))).view(np.uint64)
    return np.ascontiguousarray(words.T)


class Near(NamedTuple):
    """Chunks, nearest first, with their vectors where these are at hand."""

    numbers: list[int]
    vectors: Vector | None


class _Held(NamedTuple):
    """The first ``used`` of what there is room for; a code is a column of ``codes``. The number 0
    is in the place of a chunk that is gone."""

    used: int
    ids: NDArray[np.uint64]
    numbers: NDArray[np.uint32]
    codes: Codes
    vectors: _Rows | None


class _Rows:
    """Vectors by place, in blocks: growing copies none of them."""

    def __init__(self, dimensions: int) -> None:
        self._blocks: list[Halves] = []
        self._dimensions = dimensions

    def at(self, places: NDArray[np.intp]) -> Halves:
        """Those at some places."""
        found = np.empty((len(places), self._dimensions), _STORED)
        for block, here in self._by_block(places):
            found[here] = block[places[here] % _BLOCK]
        return found

    def put(self, places: NDArray[np.intp], rows: NDArray[np.floating] | float) -> None:
        """Puts rows, or one number all over, in places that are there or follow."""
        while len(places) and len(self._blocks) <= places[-1] // _BLOCK:
            self._blocks.append(np.zeros((_BLOCK, self._dimensions), _STORED))
        for block, here in self._by_block(places):
            block[places[here] % _BLOCK] = rows if isinstance(rows, float) else rows[here]

    def _by_block(self, places: NDArray[np.intp]) -> Iterator[tuple[Halves, NDArray[np.bool_]]]:
        of = places // _BLOCK
        for number in np.unique(of).tolist():
            yield self._blocks[number], of == number


class VectorSet:
    """The codes of one owner's chunks for one model, in the order of the ids of their vectors, and
    the vectors themselves until they are let go.

    One thread may add or drop while others search: these see what was there when they began.
    """

    def __init__(self, centre: Vector) -> None:
        self._centre = centre
        self._words = len(codes(np.empty((0, len(centre)), np.float32), centre))
        self._held = self._room(0, _Rows(len(centre)))
        self._gone = 0
        self._changing = Lock()

    def __len__(self) -> int:
        return self._held.used - self._gone

    @property
    def size(self) -> int:
        """Bytes of memory in use."""
        held = self._held
        vectors = 0 if held.vectors is None else held.used * len(self._centre) * _STORED_BYTES
        return held.ids.nbytes + held.numbers.nbytes + held.codes.nbytes + vectors

    @property
    def is_whole(self) -> bool:
        """Whether the vectors themselves are here."""
        return self._held.vectors is not None

    @property
    def last(self) -> int:
        """The id of the newest vector; 0 without one."""
        held = self._held
        return int(held.ids[held.used - 1]) if held.used else 0

    def add(self, numbers: Sequence[int], vectors: Vector, ids: Sequence[int] = ()) -> None:
        """Takes in more chunks; ``vectors`` has a row for each of ``numbers``, ``ids`` rise."""
        with self._changing:
            held, start = self._held, self._held.used
            end = start + len(numbers)
            if end > len(held.numbers):
                held = self._larger(held, end)
            held.ids[start:end] = ids or range(start + 1, end + 1)
            held.numbers[start:end] = numbers
            held.codes[:, start:end] = codes(vectors, self._centre)
            if held.vectors is not None:
                held.vectors.put(np.arange(start, end), vectors)
            self._held = held._replace(used=end)

    def drop(self, numbers: Sequence[int]) -> None:
        """Forgets chunks that are gone."""
        with self._changing:
            held = self._held
            gone = np.flatnonzero(np.isin(held.numbers[: held.used], np.array(numbers, np.uint32)))
            held.numbers[gone] = 0
            if held.vectors is not None:
                held.vectors.put(gone, 0.0)
            self._gone += len(gone)
            # Moving all of them is worth it once they are a good part.
            if self._gone * _MOST_GONE > held.used:
                self._held, self._gone = self._without_gone(held), 0

    def let_go(self) -> None:
        """Keeps the codes alone."""
        with self._changing:
            self._held = self._held._replace(vectors=None)

    def nearest(
        self,
        query: Vector,
        limit: int = RESCORED,
        within: NDArray[np.uint32] | None = None,
        *,
        outside: NDArray[np.uint32] | None = None,
        upto: int | None = None,
    ) -> Near:
        """The chunks whose codes differ least from the query's, nearest first.

        Considered are those ``within`` alone and none ``outside``, both ascending, of the vectors
        with ids up to ``upto``. Chunks deleted since they were added may be among them: whoever
        looks them up finds which are gone.
        """
        held = self._held
        end = held.used
        if upto is not None:
            end = int(np.searchsorted(held.ids[:end], np.uint64(upto), "right"))
        numbers, candidates = held.numbers[:end], held.codes[:, :end]
        chosen: NDArray[np.intp] | None = None
        if within is not None or outside is not None:
            kept = np.ones(end, bool) if within is None else np.isin(numbers, within)
            if outside is not None:
                kept &= ~np.isin(numbers, outside)
            chosen = np.flatnonzero(kept)
            candidates = candidates[:, chosen]
        distance = np.zeros(candidates.shape[1], np.uint16)
        for word, asked in zip(candidates, codes(query[np.newaxis], self._centre), strict=True):
            distance += np.bitwise_count(word ^ asked)
        distance[numbers[slice(None) if chosen is None else chosen] == 0] = _FARTHEST
        best = smallest(distance, limit)
        best = best if chosen is None else chosen[best]
        found = numbers[best]
        best, found = best[found > 0], found[found > 0]
        vectors = None if held.vectors is None else held.vectors.at(best).astype(np.float32)
        return Near(found.tolist(), vectors)

    def _room(self, count: int, vectors: _Rows | None) -> _Held:
        return _Held(
            0,
            np.zeros(count, np.uint64),
            np.zeros(count, np.uint32),
            np.zeros((self._words, count), np.uint64),
            vectors,
        )

    def _larger(self, held: _Held, end: int) -> _Held:
        """Room for more than there is, so that little by little does not copy all each time."""
        larger, used = self._room(end + end // 8, held.vectors), held.used
        larger.ids[:used] = held.ids[:used]
        larger.numbers[:used] = held.numbers[:used]
        larger.codes[:, :used] = held.codes[:, :used]
        return larger

    def _without_gone(self, held: _Held) -> _Held:
        stays = np.flatnonzero(held.numbers[: held.used])
        vectors = None
        if held.vectors is not None:
            vectors = _Rows(len(self._centre))
            for start in range(0, len(stays), _BLOCK):
                part = stays[start : start + _BLOCK]
                vectors.put(np.arange(start, start + len(part)), held.vectors.at(part))
        codes_left = np.ascontiguousarray(held.codes[:, stays])
        return _Held(len(stays), held.ids[stays], held.numbers[stays], codes_left, vectors)


def smallest(distance: NDArray[np.uint16], limit: int) -> NDArray[np.intp]:
    """Where the smallest distances are, at most so many, in order; the first of equals."""
    if len(distance) > limit:
        # They are few different numbers, so counting each is faster than any sorting.
        upto = int(np.searchsorted(np.cumsum(np.bincount(distance)), limit))
        found = np.flatnonzero(distance <= upto)
    else:
        found = np.arange(len(distance))
    return found[np.argsort(distance[found], kind="stable")][:limit]


def ranked(query: Vector, numbers: Sequence[int], vectors: Vector) -> list[tuple[float, int]]:
    """Cosine and number of each row, nearest first; all vectors are of length 1."""
    cosines, ids = vectors @ query, np.array(numbers, np.int64)
    order = np.lexsort((ids, -cosines))
    return list(zip(cosines[order].tolist(), ids[order].tolist(), strict=True))
