"""Loaders under a driver and without one."""

from __future__ import annotations

import asyncio

import pytest

from backend.graphql.execution.loading import Loader, Turn, Wanted


@pytest.fixture
def asked() -> list[list[int]]:
    """What was asked of the function behind the loader."""
    return []


@pytest.fixture
def loader(asked: list[list[int]]) -> Loader[int, str]:
    """Turns numbers into text."""

    async def load(keys: list[int]) -> list[str]:
        asked.append(keys)
        return [str(key) for key in keys]

    return Loader(load, Turn(), cache=True, max_batch_size=3)


async def test_without_a_driver_it_is_a_dataloader(
    loader: Loader[int, str], asked: list[list[int]]
) -> None:
    one, several, again = await asyncio.gather(
        loader.load(1), loader.load_many([2, 1]), loader.load(1)
    )
    assert (one, several, again) == ("1", ["2", "1"], "1")
    assert asked == [[1, 2]]
    assert await loader.load_many([]) == []


async def test_driven_it_says_what_it_wants(loader: Loader[int, str]) -> None:
    async def resolver() -> list[str]:
        return [await loader.load(1), *await loader.load_many([2, 3])]

    coroutine = resolver()
    loader.turn.driven = True
    wanted = coroutine.send(None)
    assert (type(wanted), wanted.keys, wanted.many) == (Wanted, (1,), False)
    assert coroutine.send("one").keys == (2, 3)
    with pytest.raises(StopIteration) as done:
        coroutine.send(["two", "three"])
    assert done.value.value == ["one", "two", "three"]


async def test_a_task_under_a_driver_is_not_driven(loader: Loader[int, str]) -> None:
    async def resolver() -> tuple[str, str]:
        return await asyncio.gather(loader.load(1), loader.load(2))

    loader.turn.driven = True
    coroutine = resolver()
    awaited = coroutine.send(None)
    loader.turn.driven = False
    await asyncio.wait([awaited])
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert list(done.value.value) == ["1", "2"]


async def test_fetching_in_batches_what_is_not_known(
    loader: Loader[int, str], asked: list[list[int]]
) -> None:
    known = {2: "two"}
    await loader.fetch([1, 2, 3, 1, 4, 5], known)
    assert asked == [[1, 3, 4], [5]]
    assert known == {1: "1", 2: "two", 3: "3", 4: "4", 5: "5"}
