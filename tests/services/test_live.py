"""Following conversations: everything once, in order, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from backend.errors import Invalid, LimitExceeded, NotFound
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services import followers
from backend.services.container import Services
from backend.services.conversations import ConversationChanges
from backend.services.followers import Change
from backend.services.live import POLL_SECONDS, change_cursor, owner_cursor
from backend.services.messages import MessageChanges
from tests.support.conversations import message_draft, stored_conversation, turns
from tests.support.following import PATIENCE, content_of, eventually, first, told, until
from tests.support.statements import Statements


async def test_a_cursor_replays_what_came_after_it(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=5)
    after = change_cursor(made.id, 3)
    found = await first(services.live.conversation(viewer, made.id, after), 3)
    assert told(found) == [(4, "added"), (5, "added"), (6, "added")]


async def test_without_a_cursor_only_what_comes_is_told(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=2)
    waiting = asyncio.create_task(first(services.live.conversation(viewer, made.id, None), 1))
    await eventually(lambda: services.live.followers)
    await services.messages.add(viewer, made.id, [message_draft("new")])
    [change] = await waiting
    assert content_of(change) == "new"


async def test_what_is_written_between_reading_and_following_is_told(
    services: Services, viewer: Viewer
) -> None:
    """The race between a page's query and its subscription: the cursor closes it."""
    made = await stored_conversation(services, viewer, messages=2)
    seen = change_cursor(made.id, made.revision)
    await services.messages.add(viewer, made.id, [message_draft("between")])
    [change] = await first(services.live.conversation(viewer, made.id, seen), 1)
    assert content_of(change) == "between"


async def test_every_message_once_while_writers_and_followers_come_and_go(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    count = 60

    async def write(number: int) -> None:
        for each in range(count // 6):
            await services.messages.add(viewer, made.id, [message_draft(f"{number}-{each}")])

    async def follow_with_breaks(step: int) -> list[int]:
        found: list[int] = []
        cursor: str | None = change_cursor(made.id, made.revision)
        while len(found) < count:
            some = await first(
                services.live.conversation(viewer, made.id, cursor), min(step, count - len(found))
            )
            found += [change.record.revision for change in some]
            cursor = change_cursor(made.id, found[-1])
        return found

    *_, one, two, three = await asyncio.gather(
        *(write(number) for number in range(6)), *map(follow_with_breaks, (1, 7, count))
    )
    expected = list(range(2, count + 2))
    assert one == two == three == expected


async def test_all_kinds_of_changes_are_told_in_order(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    changes = services.live.conversation(viewer, made.id, None)
    waiting = asyncio.ensure_future(anext(changes))
    await eventually(lambda: services.live.followers)
    kinds: list[str] = []

    async def heard(kind: str) -> None:
        # Each is waited for: changes of one message that follow fast may be told as one.
        nonlocal waiting
        while not kinds or kinds[-1] != kind:
            kinds.append((await waiting).record.kind)
            waiting = asyncio.ensure_future(anext(changes))

    [message] = await services.messages.add(viewer, made.id, [message_draft()])
    await heard("added")
    await services.messages.update(viewer, message.id, MessageChanges(content="Edited"))
    await heard("updated")
    await services.conversations.update(viewer, made.id, ConversationChanges(title="Other"))
    await heard("conversation")
    await services.messages.set_feedback(viewer, message.id, rating=1)
    await heard("updated")
    await services.messages.delete(viewer, message.id)
    await heard("deleted")
    await services.conversations.delete(viewer, made.id)
    await heard("gone")
    assert [kind for kind in kinds if kind != "conversation"] == [
        "added", "updated", "updated", "deleted", "gone"
    ]  # fmt: skip
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_stream_ends_when_its_conversation_is_deleted(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    cursor = change_cursor(made.id, made.revision)
    await services.conversations.delete(viewer, made.id)
    found = [change async for change in services.live.conversation(viewer, made.id, cursor)]
    assert told(found) == [(made.revision + 1, "gone")]


@pytest.mark.parametrize("revision", [999, 2**40])
async def test_a_cursor_from_the_future_resets_the_stream(
    services: Services, viewer: Viewer, revision: int
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    after = change_cursor(made.id, revision)
    [change] = await first(services.live.conversation(viewer, made.id, after), 1)
    assert told([change]) == [(made.revision, "reset")]


async def test_another_conversations_cursor_resets_the_stream(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    other = await stored_conversation(services, viewer, messages=1)
    after = change_cursor(other.id, 1)
    [change] = await first(services.live.conversation(viewer, made.id, after), 1)
    assert change.record.kind == "reset"


async def test_a_cursor_of_another_kind_is_refused(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    with pytest.raises(Invalid):
        await first(services.live.conversation(viewer, made.id, owner_cursor(1)), 1)


async def test_nobody_follows_what_is_not_his(
    services: Services, viewer: Viewer, other_viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    for conversation_id in (made.id, "00000000-0000-7000-8000-000000000000", "no id"):
        with pytest.raises(NotFound):
            await first(services.live.conversation(other_viewer, conversation_id, None), 1)


async def test_a_lost_announcement_delays_and_loses_nothing(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    waiting = asyncio.create_task(first(services.live.conversation(viewer, made.id, None), 1))
    await eventually(lambda: services.live.followers)
    deaf = Services(Store(store.database))
    await deaf.messages.add(viewer, made.id, [message_draft("unannounced")])
    [change] = await waiting
    assert content_of(change) == "unannounced"
    assert POLL_SECONDS < 2


async def test_the_list_is_followed_as_a_whole(services: Services, viewer: Viewer) -> None:
    # Changes that follow fast may be told as one, so the end is known by its kind, not by a count.
    waiting = asyncio.create_task(until(services.live.owner(viewer, None), "gone"))
    await eventually(lambda: services.live.followers)
    made = await stored_conversation(services, viewer, messages=1)
    await services.conversations.update(viewer, made.id, ConversationChanges(pinned=True))
    await services.conversations.delete(viewer, made.id)
    found = await waiting
    assert {change.record.subject_id for change in found} == {made.id}
    last = owner_cursor(found[-1].record.revision)
    again = await stored_conversation(services, viewer)
    [change] = await first(services.live.owner(viewer, last), 1)
    assert change.record.subject_id == again.id


@pytest.mark.parametrize("of_list", [False, True])
async def test_who_takes_his_number_first_and_commits_last_is_not_passed_over(
    services: Services, store: Store, viewer: Viewer, of_list: bool
) -> None:
    slow, fast = [await stored_conversation(services, viewer) for _ in range(2)]
    live = services.live
    follow = live.owner(viewer, None) if of_list else live.conversation(viewer, slow.id, None)
    waiting = asyncio.create_task(until_title(follow, "second"))
    await eventually(lambda: live.followers)
    took, release = asyncio.Event(), asyncio.Event()

    async def commit_last() -> None:
        async with store.write(viewer) as unit:
            here = await unit.conversations.lock(slow.id)
            revision, owner_revision = here.revision + 1, await unit.next_owner_revision()
            values = {"revision": revision, "own_revision": revision, "title": "first"}
            await unit.conversations.update(slow.id, **values, owner_revision=owner_revision)
            took.set()
            await release.wait()

    holding = asyncio.create_task(commit_last())
    await took.wait()
    place, changes = fast if of_list else slow, ConversationChanges(title="second")
    passing = asyncio.create_task(services.conversations.update(viewer, place.id, changes))
    # Longer than it takes to find what nobody announced: nothing may be told out of turn.
    await asyncio.sleep(POLL_SECONDS + 0.3)
    assert not passing.done()
    release.set()
    await asyncio.gather(holding, passing)
    found = await waiting
    # Of one conversation the last state alone may be told; of the list, each of the two.
    assert [title for _, title in found] in (["first", "second"], [] if of_list else ["second"])
    assert found == sorted(found)


async def until_title(changes: AsyncGenerator[Change], title: str) -> list[tuple[int, str]]:
    """Revisions and titles of conversations up to the first with a title."""
    found: list[tuple[int, str]] = []
    async with asyncio.timeout(PATIENCE), aclosing(changes):
        async for change in changes:
            assert change.record.conversation is not None
            found.append((change.record.revision, change.record.conversation.title))
            if found[-1][1] == title:
                break
    return found


async def test_one_reading_serves_all_who_follow(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    made = await stored_conversation(services, viewer)

    async def statements_of_one_change(followers: int) -> int:
        waiting = [
            asyncio.create_task(first(services.live.conversation(viewer, made.id, None), 1))
            for _ in range(followers)
        ]
        await eventually(lambda: services.live.followers == followers)
        statements.clear()
        await services.messages.add(viewer, made.id, [message_draft()])
        found = await asyncio.gather(*waiting)
        assert len({id(change) for [change] in found}) == 1
        return len([each for each in statements.seen if "message_tombstones" in each.sql])

    few = await statements_of_one_change(2)
    many = await statements_of_one_change(50)
    # The feed reads until nothing is left; a delete of tombstones belongs to the write itself.
    assert abs(few - many) <= 1


async def test_those_who_only_wait_cost_no_connection_and_no_statement_each(
    services: Services, store: Store, viewer: Viewer, statements: Statements
) -> None:
    places = [await stored_conversation(services, viewer) for _ in range(20)]
    clock = asyncio.get_running_loop().time
    for each in (1, 50):
        waiting = [
            asyncio.create_task(first(services.live.conversation(viewer, place.id, None), 1))
            for place in places
            for _ in range(each)
        ]
        while services.live.followers < len(waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        statements.clear()
        begun = clock()
        await asyncio.sleep(2 * POLL_SECONDS + 0.5)
        # A look is two statements; one may be under way at the beginning, and one at the end.
        assert statements.count <= 2 * ((clock() - begun) / POLL_SECONDS + 2)
        # A thousand are many more than there are connections, and there is one for who reads.
        async with store.read(viewer, snapshot=True) as unit:
            assert await unit.conversations.find(places[0].id)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await eventually(lambda: services.live.followers == 0)


async def test_who_is_too_slow_is_told_to_come_again(
    services: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "QUEUE", 3)
    made = await stored_conversation(services, viewer)
    slow = services.live.conversation(viewer, made.id, None)
    begun = asyncio.ensure_future(anext(slow))
    await eventually(lambda: services.live.followers)
    await services.messages.add(viewer, made.id, [message_draft("first")])
    seen = await begun
    [feed] = services.live._feeds.values()
    await services.messages.add(viewer, made.id, turns(30))
    await eventually(lambda: feed.position == 32)
    with pytest.raises(LimitExceeded, match="Too slow"):
        await anext(slow)
    cursor = change_cursor(made.id, seen.record.revision)
    rest = await first(services.live.conversation(viewer, made.id, cursor), 30)
    assert [change.record.revision for change in rest] == list(range(3, 33))


async def test_a_feed_nobody_follows_is_closed(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    await first(services.live.conversation(viewer, made.id, change_cursor(made.id, 1)), 1)
    assert services.live.followers == 0
