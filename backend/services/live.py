"""Who follows what in this process, and what wakes their feeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress

from backend.errors import Invalid, NotFound
from backend.events.bus import Bus
from backend.events.changes import ConversationChanged
from backend.ids import parse_id
from backend.repositories.changes import ChangeRecord
from backend.repositories.pages import Key, decode_cursor, encode_cursor
from backend.repositories.revisions import conversation_revisions, owner_revisions
from backend.repositories.store import ReadUnit, Store
from backend.security.viewer import Viewer
from backend.services.feeds import Feed, Read, follow
from backend.services.followers import Change, Outlet
from backend.tasks import stop

CONVERSATION_ORDER = "e"
OWNER_ORDER = "o"
POLL_SECONDS = 1.5
"""How long a change whose wake-up was lost waits at most, with room for reading it, under 2 s."""

OWNER_LIST = ""
FeedKey = tuple[int, str]
Begun = Callable[[], None]


def change_cursor(conversation_id: str, revision: int) -> str:
    """The cursor of a conversation's change."""
    return encode_cursor(CONVERSATION_ORDER, conversation_id, revision)


def owner_cursor(revision: int) -> str:
    """The cursor of a change of an owner's list."""
    return encode_cursor(OWNER_ORDER, revision)


def reset(revision: int, reason: str) -> Change:
    """What a follower is told whose cursor cannot be honoured."""
    return Change(ChangeRecord(revision, "reset", "", text=reason))


class LiveService:
    """Lets viewers follow conversations and their lists."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._feeds: dict[FeedKey, Feed] = {}
        self._poll: asyncio.Task[None] | None = None
        self._nudge = asyncio.Event()
        self._bus = bus
        bus.listen(self._on_change, self._nudge.set)

    async def conversation(
        self,
        viewer: Viewer,
        conversation_id: str,
        after: str | None,
        outlet: Outlet | None = None,
        begun: Begun | None = None,
    ) -> AsyncGenerator[Change]:
        """Every change of a conversation after a cursor, or from now on; ends when it is deleted.
        What could be put into ``outlet`` is not told again; ``begun`` is called once it is known
        where "now" is.

        Raises NotFound, or Invalid for a cursor of something else.
        """
        canonical = parse_id(conversation_id)
        if canonical is None:
            raise NotFound("There is no such conversation.")
        wanted = conversation_cursor_revision(canonical, after)
        async with self._store.read(viewer) as unit:
            owner = unit.owner_id
            current, deleted = await _standing(unit, canonical, wanted)
        if begun is not None:
            begun()
        start, complaint = _honoured(wanted, current, after)
        read = self._conversation_reader(viewer, canonical)
        if complaint:
            yield reset(start, complaint)
        if deleted and start >= current:
            return
        following = self._follow((owner, canonical), read, current, start, outlet)
        async with aclosing(following) as changes:
            async for change in changes:
                yield change
                if change.record.kind == "gone":
                    return

    async def beginning(
        self, viewer: Viewer, conversation_id: str, after: str | None
    ) -> str | None:
        """The cursor to follow from: the given one, or where the conversation stands now. None
        where nothing can follow: it is deleted, and that was told.

        Raises NotFound, or Invalid for what is no cursor.
        """
        wanted = conversation_cursor_revision(conversation_id, after)
        async with self._store.read(viewer) as unit:
            current, deleted = await _standing(unit, conversation_id, wanted)
        if deleted and wanted == current:
            return None
        return change_cursor(conversation_id, current) if after is None else after

    async def page(
        self, viewer: Viewer, conversation_id: str, after: str | None, limit: int
    ) -> list[Change]:
        """The first changes after a cursor, or from the beginning; raises NotFound, Invalid."""
        wanted = conversation_cursor_revision(conversation_id, after)
        async with self._store.read(viewer, snapshot=True) as unit:
            current, _ = await _standing(unit, conversation_id, wanted)
            start, complaint = _honoured(wanted, current, after)
            if complaint:
                return [reset(start, complaint)]
            found = await unit.changes.of_conversation(conversation_id, wanted or 0, limit)
        return [Change(record) for record in found]

    async def owner(
        self,
        viewer: Viewer,
        after: str | None,
        outlet: Outlet | None = None,
        begun: Begun | None = None,
    ) -> AsyncGenerator[Change]:
        """Every change of the viewer's list after a cursor, or from now on; raises Invalid. The
        rest is as for a conversation."""
        wanted = None if after is None else _decoded(after, OWNER_ORDER, int)[0]
        async with self._store.read(viewer) as unit:
            owner, current = unit.owner_id, await unit.changes.owner_revision()
        if begun is not None:
            begun()
        if owner < 0:
            owner = await self._store.owner_id(viewer)
        start, complaint = _honoured(wanted, current, after)
        if complaint:
            yield reset(start, complaint)
        read = self._owner_reader(viewer)
        following = self._follow((owner, OWNER_LIST), read, current, start, outlet)
        async with aclosing(following) as changes:
            async for change in changes:
                yield change

    @property
    def followers(self) -> int:
        """How many follow something in this process."""
        return sum(len(feed.followers) for feed in self._feeds.values())

    async def close(self) -> None:
        """Stops every feed."""
        await stop(self._poll)
        for feed in list(self._feeds.values()):
            await feed.close()
        self._feeds.clear()

    async def _follow(
        self, key: FeedKey, read: Read, current: int, start: int, outlet: Outlet | None
    ) -> AsyncGenerator[Change]:
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(read, current)
            self._bus.attend(True)
            self._keep_polling()
        try:
            async with aclosing(follow(feed, read, start, outlet)) as changes:
                async for change in changes:
                    yield change
        finally:
            if not feed.followers and self._feeds.get(key) is feed:
                del self._feeds[key]
                self._bus.attend(bool(self._feeds))
                await feed.close()

    def _conversation_reader(self, viewer: Viewer, conversation_id: str) -> Read:
        async def read(after: int, limit: int) -> Sequence[ChangeRecord]:
            async with self._store.read(viewer, snapshot=True) as unit:
                return await unit.changes.of_conversation(conversation_id, after, limit)

        return read

    def _owner_reader(self, viewer: Viewer) -> Read:
        async def read(after: int, limit: int) -> Sequence[ChangeRecord]:
            async with self._store.read(viewer, snapshot=True) as unit:
                return await unit.changes.of_owner(after, limit)

        return read

    def _on_change(self, change: ConversationChanged) -> None:
        feed = self._feeds.get((change.owner, change.conversation_id))
        if feed is not None:
            feed.wake(change.revision)
        listing = self._feeds.get((change.owner, OWNER_LIST))
        if listing is not None:
            listing.wake(change.owner_revision)

    def _keep_polling(self) -> None:
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._poll_while_followed())

    async def _poll_while_followed(self) -> None:
        """One statement for all feeds of the process, now and then and when somebody hints."""
        while self._feeds:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._nudge.wait()
            self._nudge.clear()
            with suppress(Exception):
                await self._wake_changed()

    async def _wake_changed(self) -> None:
        places = [key for key in self._feeds if key[1] != OWNER_LIST]
        owners = [owner for owner, conversation in self._feeds if conversation == OWNER_LIST]
        async with self._store.database.read() as connection:
            revisions: dict[FeedKey, int] = {}
            if places:
                revisions |= await conversation_revisions(connection, places)
            if owners:
                found = await owner_revisions(connection, owners)
                revisions |= {(owner, OWNER_LIST): each for owner, each in found.items()}
        for key, revision in revisions.items():
            if key in self._feeds:
                self._feeds[key].wake(revision)


def conversation_cursor_revision(conversation_id: str, after: str | None) -> int | None:
    """The revision in a cursor of this conversation's changes; -1 for another one's."""
    if after is None:
        return None
    place, revision = _decoded(after, CONVERSATION_ORDER, str, int)
    return revision if place == conversation_id else -1


def _decoded(cursor: str, order: str, *types: type) -> Key:
    try:
        return decode_cursor(cursor, order, *types)
    except Invalid as error:
        raise Invalid(error.message, field=("after",)) from None


async def _standing(unit: ReadUnit, conversation_id: str, wanted: int | None) -> tuple[int, bool]:
    """Where the conversation stands, and whether it is deleted; raises NotFound.

    Of a deleted one only those hear who followed it before.
    """
    found = await unit.conversations.find(conversation_id)
    if found is not None:
        return found.revision, False
    tombstone = await unit.changes.tombstone(conversation_id)
    if tombstone is None or wanted is None:
        raise NotFound("There is no such conversation.")
    return tombstone, True


def _honoured(wanted: int | None, current: int, after: str | None) -> tuple[int, str]:
    """Where to start, and why not where it was asked."""
    if wanted is None or after is None:
        return current, ""
    if wanted < 0:
        return current, "The cursor belongs to another stream."
    if wanted > current:
        return current, "The cursor is ahead of what is stored."
    return wanted, ""
