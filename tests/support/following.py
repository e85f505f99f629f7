"""Following a conversation in a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from backend.services.followers import Change

PATIENCE = 60.0
"""Seconds; what comes sooner is not waited for."""


async def first(changes: AsyncGenerator[Change], count: int) -> list[Change]:
    """The first so many changes; the follower leaves after them."""
    return await _gathered(changes, lambda found: len(found) == count)


async def until(changes: AsyncGenerator[Change], kind: str) -> list[Change]:
    """Every change up to the first of a kind; the follower leaves after it."""
    return await _gathered(changes, lambda found: found[-1].record.kind == kind)


async def _gathered(
    changes: AsyncGenerator[Change], is_enough: Callable[[list[Change]], bool]
) -> list[Change]:
    found: list[Change] = []
    try:
        async with asyncio.timeout(PATIENCE):
            async for change in changes:
                found.append(change)
                if is_enough(found):
                    return found
        return found
    finally:
        await changes.aclose()


async def eventually(holds: Callable[[], Any]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.005)


def content_of(change: Change) -> str | None:
    """The text of the message a change is about."""
    return change.record.message.content if change.record.message else None


def told(changes: list[Change]) -> list[tuple[int, str]]:
    """Revisions and kinds."""
    return [(change.record.revision, change.record.kind) for change in changes]
