"""What a long run tells, and whether its memory stays level."""

from __future__ import annotations

import resource
import time
from pathlib import Path

MEBIBYTE = 1024 * 1024
WARM = 0.3
"""The part of a run in which caches fill."""
ROOM = 48
"""MiB by which memory may grow after that: allocators are not exact."""


class Progress:
    """Counts inputs and looks at memory every ten seconds."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._begun = self._told = time.monotonic()
        self._warm: float | None = None
        self.inputs = 0

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self._begun >= self._seconds

    def count(self) -> None:
        """One more input was taken; fails where memory grows on."""
        self.inputs += 1
        now = time.monotonic()
        if now - self._told >= 10:
            self._told = now
            self.tell()

    def tell(self) -> None:
        """One line of where the run is."""
        memory, passed = resident(), time.monotonic() - self._begun
        print(f"{self._name}: {passed:.0f} s, {self.inputs} inputs, {memory:.0f} MiB", flush=True)  # noqa: T201
        if self._warm is None and passed > WARM * self._seconds:
            self._warm = memory
        if self._warm is not None:
            assert memory < self._warm + ROOM, f"memory grew from {self._warm:.0f} MiB"


def resident() -> float:
    """The memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / MEBIBYTE
