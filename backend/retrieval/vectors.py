"""Vectors of one owner, searched in this process: 1-bit codes to find, float16 to rank.

A code keeps only on which side of the centre a vector lies in each dimension, 48 bytes for 384
dimensions, so that the codes of a million chunks fit in 48 MB. Embeddings lean to one side (two
random messages are far from orthogonal): without taking the centre off, half the neighbours are
lost. The best by Hamming distance are then compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Codes = NDArray[np.uint64]

RESCORED = 1000
"""How many of the nearest codes are compared exactly, to find the best hundred."""

_STORED = np.dtype("<f2")


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
    if any(len(one) != dimensions * _STORED.itemsize for one in stored):
        raise ValueError(f"a stored vector does not have {dimensions} dimensions")
    joined = np.frombuffer(b"".join(stored), _STORED)
    return joined.reshape(len(stored), dimensions).astype(np.float32)


def codes(vectors: Vector, centre: Vector) -> Codes:
    """A column of bits a vector, in 64-bit words, the last filled up with zeros."""
    bits = np.packbits(vectors > centre, axis=1)
    missing = -bits.shape[1] % 8
    words = np.ascontiguousarray(np.pad(bits, ((0, 0), (0, missing)))).view(np.uint64)
    return np.ascontiguousarray(words.T)


class VectorSet:
    """The codes of one owner's chunks for one model; grows at the end, in any order of numbers."""

    def __init__(self, centre: Vector) -> None:
        self._centre = centre
        self._numbers = np.empty(0, np.uint32)
        self._codes = codes(np.empty((0, len(centre)), np.float32), centre)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self._numbers.nbytes + self._codes.nbytes

    def add(self, numbers: Sequence[int], vectors: Vector) -> None:
        """Takes in more chunks; ``vectors`` has a row for each of ``numbers``."""
        self._numbers = np.concatenate([self._numbers, np.asarray(numbers, np.uint32)])
        self._codes = np.concatenate([self._codes, codes(vectors, self._centre)], axis=1)

    def nearest(
        self,
        query: Vector,
        limit: int = RESCORED,
        within: NDArray[np.uint32] | None = None,
    ) -> list[int]:
        """The chunks whose codes differ least from the query's, nearest first.

        ``within``, ascending, are the only ones to be considered. Chunks deleted since they were
        added are still among them: whoever fetches their vectors finds which are gone.
        """
        numbers, candidates = self._numbers, self._codes
        if within is not None:
            kept = np.isin(numbers, within)
            numbers, candidates = numbers[kept], candidates[:, kept]
        distance = np.zeros(len(numbers), np.uint16)
        for word, asked in zip(candidates, codes(query[np.newaxis], self._centre), strict=True):
            distance += np.bitwise_count(word ^ asked)
        if len(numbers) > limit:
            best = np.argpartition(distance, limit - 1)[:limit]
            numbers, distance = numbers[best], distance[best]
        ordered: list[int] = numbers[np.argsort(distance, kind="stable")].tolist()
        return ordered


def similarities(query: Vector, vectors: Vector) -> list[float]:
    """The cosine of the query and each row, all of length 1."""
    cosines: list[float] = (vectors @ query).tolist()
    return cosines
