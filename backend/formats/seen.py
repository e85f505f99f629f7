"""Which of many conversations was met first under an id, in some twenty bytes each.

A dictionary of two numbers takes a hundred, and a file may hold hundreds of thousands.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_FREE = 0
_FIRST_SIZE = 1024


class Seen:
    """Places by hashes of ids: a table with open addressing, at most two thirds full."""

    def __init__(self) -> None:
        self._keys, self._places = _table(_FIRST_SIZE)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: int) -> int | None:
        """The place that was noted for a hash; None where there is none."""
        slot = self._slot(key or 1)
        return None if self._keys[slot] == _FREE else self._places[slot]

    def note(self, key: int, place: int) -> None:
        """Notes the place of a hash that has none yet."""
        if 3 * self._count >= 2 * len(self._keys):
            self._grow()
        slot = self._slot(key or 1)
        self._keys[slot], self._places[slot] = key or 1, place
        self._count += 1

    def _slot(self, key: int) -> int:
        """Where a key is, or would be."""
        last = len(self._keys) - 1
        slot = key & last
        while self._keys[slot] not in (key, _FREE):
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        old = self._items()
        self._keys, self._places = _table(2 * len(self._keys))
        for key, place in old:
            slot = self._slot(key)
            self._keys[slot], self._places[slot] = key, place

    def _items(self) -> Iterator[tuple[int, int]]:
        pairs = zip(self._keys, self._places, strict=True)
        return (pair for pair in pairs if pair[0] != _FREE)


def _table(size: int) -> tuple[array[int], array[int]]:
    """Hashes, which are signed, and places."""
    return array("q", bytes(8 * size)), array("q", bytes(8 * size))
