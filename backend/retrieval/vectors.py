"""Vectors of one owner, searched in this process: 1-bit codes to find, float16 to rank.

A code keeps only on which side of the centre a vector lies in each dimension, 48 bytes for 384
dimensions, so that the codes of a million chunks fit in 48 MB. Embeddings lean to one side (two
random messages are far from orthogonal): without taking the centre off, half the neighbours are
lost. The best by Hamming distance are then compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from backend.lazy import Lazy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")


Vector: TypeAlias = "NDArray[np.float32]"
Codes: TypeAlias = "NDArray[np.uint64]"

RESCORED = 1000
"""How many of the nearest codes are compared exactly, to find the best hundred."""

_STORED = "<f2"
_STORED_BYTES = 2


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


class _Held(NamedTuple):
    """The first ``used`` of what there is room for; a code is a column of ``codes``."""

    used: int
    ids: NDArray[np.uint64]
    numbers: NDArray[np.uint32]
    codes: Codes


class VectorSet:
    """The codes of one owner's chunks for one model, in the order of the ids of their vectors.

    One thread may add while others search: these see what was there when they began.
    """

    def __init__(self, centre: Vector) -> None:
        self._centre = centre
        words = len(codes(np.empty((0, len(centre)), np.float32), centre))
        self._held = _room(0, words)

    def __len__(self) -> int:
        return self._held.used

    @property
    def size(self) -> int:
        """Bytes of memory in use."""
        return len(self) * (8 + 4 + 8 * len(self._held.codes))

    @property
    def last(self) -> int:
        """The id of the newest vector; 0 without one."""
        held = self._held
        return int(held.ids[held.used - 1]) if held.used else 0

    def add(self, numbers: Sequence[int], vectors: Vector, ids: Sequence[int] = ()) -> None:
        """Takes in more chunks; ``vectors`` has a row for each of ``numbers``, ``ids`` rise."""
        held, start = self._held, self._held.used
        end = start + len(numbers)
        if end > len(held.numbers):
            # Room for more than there is, so that little by little does not copy all each time.
            larger = _room(end + end // 8, len(held.codes))
            larger.ids[:start] = held.ids[:start]
            larger.numbers[:start] = held.numbers[:start]
            larger.codes[:, :start] = held.codes[:, :start]
            held = larger
        held.ids[start:end] = ids or range(start + 1, end + 1)
        held.numbers[start:end] = numbers
        held.codes[:, start:end] = codes(vectors, self._centre)
        self._held = held._replace(used=end)

    def drop(self, numbers: Sequence[int]) -> None:
        """Forgets chunks that are gone."""
        end, ids, held, columns = self._held
        stays = ~np.isin(held[:end], np.asarray(numbers, np.uint32))
        codes_left = np.ascontiguousarray(columns[:, :end][:, stays])
        self._held = _Held(int(stays.sum()), ids[:end][stays], held[:end][stays], codes_left)

    def nearest(
        self,
        query: Vector,
        limit: int = RESCORED,
        within: NDArray[np.uint32] | None = None,
        *,
        outside: NDArray[np.uint32] | None = None,
        upto: int | None = None,
    ) -> list[int]:
        """The chunks whose codes differ least from the query's, nearest first.

        Considered are those ``within`` alone and none ``outside``, both ascending, of the vectors
        with ids up to ``upto``. Chunks deleted since they were added are still among them: whoever
        fetches their vectors finds which are gone.
        """
        held = self._held
        end = held.used
        if upto is not None:
            end = int(np.searchsorted(held.ids[:end], np.uint64(upto), "right"))
        numbers, candidates = held.numbers[:end], held.codes[:, :end]
        if within is not None or outside is not None:
            kept = np.ones(end, bool) if within is None else np.isin(numbers, within)
            if outside is not None:
                kept &= ~np.isin(numbers, outside)
            numbers, candidates = numbers[kept], candidates[:, kept]
        distance = np.zeros(len(numbers), np.uint16)
        for word, asked in zip(candidates, codes(query[np.newaxis], self._centre), strict=True):
            distance += np.bitwise_count(word ^ asked)
        if len(numbers) > limit:
            best = np.argpartition(distance, limit - 1)[:limit]
            numbers, distance = numbers[best], distance[best]
        ordered: list[int] = numbers[np.argsort(distance, kind="stable")].tolist()
        return ordered


def _room(count: int, words: int) -> _Held:
    return _Held(
        0,
        np.zeros(count, np.uint64),
        np.zeros(count, np.uint32),
        np.zeros((words, count), np.uint64),
    )


def similarities(query: Vector, vectors: Vector) -> list[float]:
    """The cosine of the query and each row, all of length 1."""
    cosines: list[float] = (vectors @ query).tolist()
    return cosines
