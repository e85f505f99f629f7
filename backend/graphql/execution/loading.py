"""Loaders that serve two masters: graphql-core's tasks, and compiled execution without any.

A compiled operation drives its resolvers by hand: each runs until it awaits a loader, says what it
wants, and is resumed when all that was wanted so far has been read at once. Awaited anywhere else,
a loader is Strawberry's DataLoader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import Any, Generic, TypeVar

from strawberry.dataloader import DataLoader

Key = TypeVar("Key")
Value = TypeVar("Value")
Resolver = TypeVar("Resolver", bound=Callable[..., Awaitable[Any]])

LOADED = "__awaits_loaders_alone__"


def loaded(resolver: Resolver) -> Resolver:
    """Marks a resolver that awaits nothing but loaders, so that compiled execution may drive it.

    One that is not marked runs as a task of its own wherever several run at once.
    """
    setattr(resolver, LOADED, True)
    return resolver


class Turn:
    """Who awaits the loaders of an operation at this moment: a driver, or anybody else."""

    __slots__ = ("driven",)

    def __init__(self) -> None:
        self.driven = False


class Wanted(Awaitable[Any]):
    """What a loader was asked for: the value of one key, or a list for ``many``."""

    __slots__ = ("keys", "loader", "many")

    def __init__(self, loader: Loader[Any, Any], keys: Sequence[Any], *, many: bool) -> None:
        self.loader = loader
        self.keys = keys
        self.many = many

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.loader.turn.driven:
            return (yield self)
        load = self.loader.undriven.load
        futures = [load(key) for key in self.keys]
        if self.many:
            return (yield from asyncio.gather(*futures).__await__())
        return (yield from futures[0].__await__())


class Loader(Generic[Key, Value]):
    """Reads values by their keys, many at once. Its function returns values, never errors."""

    __slots__ = ("_batch_size", "_cache", "_read", "_undriven", "turn")

    def __init__(
        self,
        read: Callable[[list[Key]], Awaitable[list[Value]]],
        turn: Turn,
        *,
        cache: bool,
        max_batch_size: int,
    ) -> None:
        self.turn = turn
        self._read = read
        self._cache = cache
        self._batch_size = max_batch_size
        self._undriven: DataLoader[Key, Value] | None = None

    @property
    def undriven(self) -> DataLoader[Key, Value]:
        """What serves those whom nobody drives."""
        if self._undriven is None:
            self._undriven = DataLoader(
                load_fn=self._read, cache=self._cache, max_batch_size=self._batch_size
            )
        return self._undriven

    def load(self, key: Key) -> Awaitable[Value]:
        """The value of a key."""
        return Wanted(self, (key,), many=False)

    def load_many(self, keys: Iterable[Key]) -> Awaitable[list[Value]]:
        """The values of several keys, in their order."""
        return Wanted(self, tuple(keys), many=True)

    async def fetch(self, keys: Sequence[Key], known: dict[Key, Value]) -> None:
        """Reads what is not known yet of these keys into ``known``."""
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if len(missing) == 1:
            known[missing[0]] = (await self._read(missing))[0]
            return
        for start in range(0, len(missing), self._batch_size):
            batch = missing[start : start + self._batch_size]
            known.update(zip(batch, await self._read(batch), strict=True))
