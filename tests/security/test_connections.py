from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.errors import LimitExceeded
from backend.security.connections import Connections, Endable


def test_no_more_than_the_limit_and_a_place_comes_free() -> None:
    connections = Connections(2, "for one owner")
    with connections.held("ana"):
        with connections.held("ana"):
            with pytest.raises(LimitExceeded, match="At most 2 open connections for one owner"):
                connections.held("ana").__enter__()
            connections.held("bruno").__enter__()
        with connections.held("ana"):
            pass


def test_zero_limits_nothing() -> None:
    connections = Connections(0, "for one owner")
    for _ in range(1000):
        connections.held("ana").__enter__()


async def forever() -> Any:
    await asyncio.Event().wait()


async def test_what_is_received_passes_on() -> None:
    async def receive() -> Any:
        return {"type": "http.request"}

    assert await Endable(receive)() == {"type": "http.request"}


async def test_it_ends_while_somebody_waits() -> None:
    receive = Endable(forever)
    waiting = asyncio.create_task(receive())
    await asyncio.sleep(0)
    receive.end()
    assert await waiting == {"type": "http.disconnect"}
    assert await receive() == {"type": "http.disconnect"}


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    receive = Endable(forever)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await receive()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_goes_wrong_is_told() -> None:
    async def receive() -> Any:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await Endable(receive)()
