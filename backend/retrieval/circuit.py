"""A circuit breaker (Nygard, "Release It!"): what keeps failing is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable


class Circuit:
    """Closed, all may pass. After ``failures`` in a row it opens, and none may for ``seconds``.

    Then one may try: if it succeeds the circuit closes, if it fails it opens again.
    """

    def __init__(
        self, *, failures: int = 5, seconds: float = 30.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._seconds = seconds
        self._now = now
        self._failed = 0
        self._closed_again = 0.0

    @property
    def seconds_left(self) -> float:
        """How long nobody may pass; 0 if somebody may."""
        return max(0.0, self._closed_again - self._now())

    def enter(self) -> bool:
        """Whether the caller may pass; of those waiting for an open circuit, one."""
        if self._failed < self._limit:
            return True
        if self.seconds_left:
            return False
        self._closed_again = self._now() + self._seconds
        return True

    def succeeded(self) -> None:
        self._failed = 0
        self._closed_again = 0.0

    def failed(self) -> None:
        self._failed += 1
        if self._failed >= self._limit:
            self._closed_again = self._now() + self._seconds
