"""Background tasks end, also when a cancellation gets lost."""

from __future__ import annotations

import asyncio

import pytest

from backend import tasks
from backend.tasks import stop


async def test_a_lost_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER", 0.01)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await stop(task)
    assert (lost, task.cancelled()) == (2, True)


async def test_what_a_task_does_before_it_goes_is_waited_for() -> None:
    done = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            done.append(True)

    running = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await stop(running, None)
    assert done == [True]
    await stop(running)
