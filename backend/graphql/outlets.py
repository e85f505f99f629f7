"""Answers to events that leave without waking who subscribed: see backend/services/lanes.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from backend.services.followers import Change

View = Callable[[Change], Any]
"""Makes the event that a change is to the subscribers of a field, or None."""
Put = Callable[[bytes], bool]
"""Sends an answer at once, or answers that it cannot."""


class Answers(NamedTuple):
    """What makes events into answers: the same bytes for all who ask the same ``question``."""

    question: bytes
    render: Callable[[Any], Awaitable[bytes]]


class Outlet:
    """Where the answers of one subscription leave."""

    __slots__ = ("_render", "_view", "group", "put")

    def __init__(self, answers: Answers, view: View, put: Put) -> None:
        self.group, self._render = answers
        self._view = view
        self.put = put

    async def render(self, change: Change) -> bytes:
        """The answer to a change; empty where it is no event of this field."""
        event = self._view(change)
        return b"" if event is None else await self._render(event)
