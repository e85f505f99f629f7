"""Ending work that takes too long, or that nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, TypeVar, cast

from starlette.types import Receive

from backend.graphql.http.refusals import HungUp, timed_out

Result = TypeVar("Result")

GRACE = 0.05
"""Seconds before anybody listens for a hang-up: most work is done by then and spared the task."""

_unfinished: set[asyncio.Task[Any]] = set()


async def while_wanted(
    work: Coroutine[Any, Any, Result], receive: Receive, seconds: float
) -> Result:
    """The result of work that is cancelled when it takes too long or the client hangs up.

    Raises Refused or HungUp accordingly. The body of the request must have been received. Work that
    waits for nothing is done before anybody could hang up.
    """
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    watch = _Watch(receive, seconds)
    try:
        return await _Begun(work, awaited)
    except asyncio.CancelledError:
        if watch.reason is None or watch.withdraw():
            raise
        raise watch.reason from None
    finally:
        watch.end()


async def to_the_end(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of work that goes on when the client hangs up or the server's task is cancelled.

    It is cancelled when it takes too long: raises Refused, and what it had not committed is undone.
    """
    task = asyncio.create_task(work)
    _unfinished.add(task)
    task.add_done_callback(_forget)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait({task})
    if task.cancelled():
        raise timed_out(seconds)
    return task.result()


async def in_time(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of work that is cancelled when it takes too long; raises TimeoutError.

    What is done without waiting for anything needs no clock, which would cost more than most of it.
    """
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _Begun(work, awaited)


class _Begun(Awaitable[Result]):
    """Work that waits for something already."""

    __slots__ = ("_awaited", "_work")

    def __init__(self, work: Coroutine[Any, Any, Result], awaited: Any) -> None:
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Result]:
        awaited = self._awaited
        while True:
            try:
                yield awaited
                break
            except BaseException as error:
                try:  # it may have to wait again before it ends
                    awaited = self._work.throw(error)
                except StopIteration as done:
                    return cast(Result, done.value)
        return (yield from self._work.__await__())


def _forget(task: asyncio.Task[Any]) -> None:
    _unfinished.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as seen where the one who waited was cancelled


class _Watch:
    """Cancels the current task once, with a reason."""

    __slots__ = ("_cancelling", "_listener", "_receive", "_seconds", "_task", "_timer", "reason")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._cancelling = self._task.cancelling()
        self._receive = receive
        self._seconds = seconds
        self._listener: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(min(GRACE, seconds), self._begin)
        self.reason: Exception | None = None

    def withdraw(self) -> bool:
        """Takes our cancellation back; whether another one remains."""
        return self._task.uncancel() > self._cancelling

    def end(self) -> None:
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _begin(self) -> None:
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._seconds - GRACE)):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            self.reason = timed_out(self._seconds)
        else:
            self.reason = HungUp()
        self._task.cancel()
