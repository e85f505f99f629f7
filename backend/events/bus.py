"""Tells those who wait that something was committed: a wake-up; the database is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backend.events.changes import ConversationChanged


class Bus(Protocol):
    """Where committed changes are announced."""

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Announces changes; never blocks and never fails the write that made them."""


class SilentBus:
    """A bus nobody listens to: for commands that write and end."""

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Drops the announcement."""
