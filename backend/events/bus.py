"""Tells those who wait that something was committed: a wake-up; the database is the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from backend.events.changes import ConversationChanged

OnChange = Callable[[ConversationChanged], None]
OnHint = Callable[[], None]


class Bus(Protocol):
    """Where committed changes are announced. Announcements may be lost, never invented."""

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Announces changes; never blocks and never fails the write that made them."""

    def listen(self, on_change: OnChange, on_hint: OnHint) -> None:
        """Calls ``on_change`` for what is known to have changed, by whatever process, and
        ``on_hint`` when something changed that is not known."""

    def attend(self, listening: bool) -> None:
        """Says whether anybody in this process listens: only then is it worth while to look."""

    async def start(self) -> None:
        """Begins to hear other processes."""

    async def close(self) -> None:
        """Hears nothing from now on."""


class LocalBus:
    """Within this process alone."""

    def __init__(self) -> None:
        self._listeners: list[tuple[OnChange, OnHint]] = []

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Announces changes at once."""
        for change in changes:
            self.deliver(change)

    def listen(self, on_change: OnChange, on_hint: OnHint) -> None:
        """Adds a listener."""
        self._listeners.append((on_change, on_hint))

    def deliver(self, change: ConversationChanged) -> None:
        """Tells the listeners what changed."""
        for on_change, _ in self._listeners:
            on_change(change)

    def hint(self) -> None:
        """Tells the listeners to look for themselves."""
        for _, on_hint in self._listeners:
            on_hint()

    def attend(self, listening: bool) -> None:
        """There is nothing to look at."""

    async def start(self) -> None:
        """There is nobody else to hear."""

    async def close(self) -> None:
        """There was nobody else to hear."""
