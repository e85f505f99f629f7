"""Followers who send the same bytes: one task serves them; each is told all once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from backend.errors import LimitExceeded
from backend.repositories.changes import ChangeRecord
from backend.security.viewer import Viewer
from backend.services import followers
from backend.services.container import Services
from backend.services.conversations import ConversationChanges
from backend.services.feeds import BATCH, Feed, follow
from backend.services.followers import Change
from backend.services.lanes import AT_ONCE
from backend.services.live import change_cursor
from tests.support.conversations import message_draft, stored_conversation, turns
from tests.support.following import eventually, told, until


class Line:
    """A client's end: what was put there, and what a task of its own sent, in one list."""

    def __init__(self, group: str = "all", *, takes: Callable[[], bool] = lambda: True) -> None:
        self.group = group
        self.told: list[int] = []
        self.put_count = 0
        self.rendered: list[int] = []
        self._takes = takes

    async def render(self, change: Change) -> bytes:
        """A revision; nothing for what is no message."""
        self.rendered.append(change.record.revision)
        await asyncio.sleep(0)
        return str(change.record.revision).encode() if change.record.kind == "added" else b""

    def put(self, rendered: bytes) -> bool:
        """Takes it, if there is room."""
        if not self._takes():
            return False
        self.put_count += 1
        self.told.append(int(rendered))
        return True

    async def send(self, changes: AsyncGenerator[Change]) -> None:
        """What the task of a socket does."""
        async for change in changes:
            if change.record.kind == "added":
                await asyncio.sleep(0)
                self.told.append(change.record.revision)


class Broken(Line):
    """Cannot render."""

    async def render(self, change: Change) -> bytes:
        """Fails."""
        raise RuntimeError(str(change.record.revision))


class Parted(Line):
    """Renders once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def render(self, change: Change) -> bytes:
        """Waits."""
        self.begun.set()
        await self.go_on.wait()
        return await super().render(change)


@asynccontextmanager
async def following(
    services: Services, viewer: Viewer, place: str, *lines: Line, after: str | None = None
) -> AsyncGenerator[list[asyncio.Task[None]]]:
    """The lines, each with a task that follows, and waits as soon as it is there: what it missed it
    reads only where there is an ``after``."""
    before = services.live.followers
    tasks = [
        asyncio.create_task(line.send(services.live.conversation(viewer, place, after, line)))
        for line in lines
    ]
    await eventually(lambda: services.live.followers == before + len(lines))
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_change_is_rendered_once_and_put_to_each(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    lines = [Line() for _ in range(2 * AT_ONCE + 1)]
    async with following(services, viewer, made.id, *lines):
        for number in range(3):
            await services.messages.add(viewer, made.id, [message_draft(str(number))])
        await eventually(lambda: all(len(line.told) == 3 for line in lines))
    assert all(line.told == [2, 3, 4] and line.put_count == 3 for line in lines)
    assert sum(len(line.rendered) for line in lines) == 3


async def test_each_group_is_rendered_for_itself(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    lines = [Line("one"), Line("one"), Line("other")]
    async with following(services, viewer, made.id, *lines):
        await services.messages.add(viewer, made.id, [message_draft()])
        await eventually(lambda: all(line.told == [2] for line in lines))
    # Of one group that one renders who was there first, and they came together.
    assert sorted(line.rendered for line in lines[:2]) == [[], [2]]
    assert lines[2].rendered == [2]


async def test_everything_once_and_in_order_however_it_is_sent(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=5)
    chance = random.Random(7)
    steady, moody = Line(), [Line(takes=lambda: chance.random() < 0.5) for _ in range(20)]
    async with following(services, viewer, made.id, steady, *moody):
        # Others come meanwhile, from the beginning: they read what is stored, and then join.
        late = [Line(takes=lambda: chance.random() < 0.5) for _ in range(5)]
        writing = asyncio.create_task(_written(services, viewer, made.id, 60))
        cursor = change_cursor(made.id, 1)
        async with following(services, viewer, made.id, *late, after=cursor):
            await writing
            await eventually(
                lambda: all(line.told[-1:] == [66] for line in (steady, *moody, *late))
            )
    assert all(line.told == list(range(7, 67)) for line in (steady, *moody))
    assert all(line.told == list(range(2, 67)) for line in late)
    assert steady.put_count == 60
    # Who once refused goes by his queue for as long as he is behind, which may be to the end.
    assert all(line.put_count < 60 for line in moody)
    assert any(line.put_count for line in moody)


async def _written(services: Services, viewer: Viewer, place: str, count: int) -> None:
    for number in range(count // 3):
        await services.messages.add(viewer, place, turns(3, number))


async def test_who_does_not_take_anything_is_told_to_go_and_slows_nobody(
    services: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "QUEUE", 3)
    made = await stored_conversation(services, viewer)
    slow, quick = Line(takes=lambda: False), [Line() for _ in range(5)]
    changes = services.live.conversation(viewer, made.id, None, slow)
    begun = asyncio.ensure_future(anext(changes))
    await eventually(lambda: services.live.followers)
    async with following(services, viewer, made.id, *quick):
        for number in range(10):
            await services.messages.add(viewer, made.id, [message_draft(str(number))])
            # Each is told before the next is written, whoever else is stuck.
            await eventually(lambda: all(len(each.told) == number + 1 for each in quick))  # noqa: B023
    assert (await begun).record.revision == 2
    with pytest.raises(LimitExceeded, match="Too slow"):
        await anext(changes)
    await changes.aclose()
    assert all(line.put_count == 10 for line in quick)


async def test_what_cannot_be_rendered_is_left_to_each(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    lines = [Broken(), Broken()]
    async with following(services, viewer, made.id, *lines):
        for number in range(2):
            await services.messages.add(viewer, made.id, [message_draft(str(number))])
        await eventually(lambda: all(line.told == [2, 3] for line in lines))
    assert [line.put_count for line in lines] == [0, 0]


async def test_what_is_no_event_of_theirs_wakes_nobody(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    line = Line()
    waking = until(services.live.conversation(viewer, made.id, None, line), "gone")
    task = asyncio.create_task(waking)
    await eventually(lambda: services.live.followers)
    for pinned in (True, False):
        await services.conversations.update(viewer, made.id, ConversationChanges(pinned=pinned))
    await services.messages.add(viewer, made.id, [message_draft()])
    await eventually(lambda: line.told)
    await services.conversations.delete(viewer, made.id)
    # The end of a conversation, though, each sees to himself.
    assert [kind for _, kind in told(await task)] == ["gone"]


async def test_who_renders_may_leave_meanwhile(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    leaving, staying = Parted(), Line()
    async with (
        following(services, viewer, made.id, leaving) as [task],
        following(services, viewer, made.id, staying),
    ):
        await services.messages.add(viewer, made.id, [message_draft()])
        await leaving.begun.wait()
        task.cancel()
        await eventually(lambda: services.live.followers == 1)
        leaving.go_on.set()
        await services.messages.add(viewer, made.id, [message_draft()])
        await eventually(lambda: len(staying.told) == 2)
    assert leaving.told == []
    assert staying.told == [2, 3]


async def test_what_a_feed_fails_with_is_told_to_each_and_later_ones_follow_on() -> None:
    stored: list[ChangeRecord] = []
    fails = True

    async def read(after: int, limit: int) -> list[ChangeRecord]:
        if fails:
            raise ConnectionError("away")
        return [each for each in stored if each.revision > after][: min(limit, BATCH)]

    feed = Feed(read, 1)
    lines = [Line(), Line()]
    tasks = [asyncio.create_task(line.send(follow(feed, read, 1, line))) for line in lines]
    await eventually(lambda: len(feed.followers) == 2)
    feed.wake()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [
        ConnectionError,
        ConnectionError,
    ]
    fails, later = False, Line()
    task = asyncio.create_task(later.send(follow(feed, read, 1, later)))
    await eventually(lambda: feed.followers)
    stored.append(ChangeRecord(2, "added", "m"))
    feed.wake()
    await eventually(lambda: later.told == [2])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await feed.close()
