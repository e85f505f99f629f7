"""The two doors: repositories for reading, repositories for one write."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

import anyio.to_thread
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.database import Database
from backend.database.inloop import InloopConnection
from backend.errors import TimedOut
from backend.events.bus import Bus, LocalBus
from backend.events.changes import ConversationChanged
from backend.repositories.appends import AppendRepository
from backend.repositories.branches import BranchRepository
from backend.repositories.changes import ChangeRepository
from backend.repositories.chunks import ChunkRepository
from backend.repositories.conversations import ConversationRepository
from backend.repositories.embeddings import EmbeddingRepository
from backend.repositories.exports import ExportRepository
from backend.repositories.feedback import FeedbackRepository
from backend.repositories.imports import ImportRepository
from backend.repositories.messages import MessageRepository
from backend.repositories.owners import NOBODY, ensure_owner, find_owner, next_owner_revision
from backend.repositories.passages import PassageRepository
from backend.repositories.search import SearchRepository
from backend.repositories.search_changes import (
    IndexChanges,
    IndexedBranches,
    IndexedConversations,
    IndexedImports,
    IndexedMessages,
)
from backend.repositories.search_index import SearchIndexRepository
from backend.repositories.search_postings import SegmentRepository
from backend.repositories.threads import ThreadRepository
from backend.repositories.versions import VersionRepository
from backend.security.viewer import Viewer
from backend.utils.kept import kept

Result = TypeVar("Result")

KNOWN_OWNERS = 10_000


class TakesLong(Exception):
    """A write that was begun as a short one is none. It is undone, to be begun as a long one."""


@dataclass
class ReadUnit:
    """One owner's repositories over one connection."""

    connection: AsyncConnection
    owner_id: int

    async def compute(self, work: Callable[..., Result], *given: Any) -> Result:
        """What takes its time to compute, on a thread, unless what surrounds it runs on one."""
        used: object = self.connection
        if isinstance(used, InloopConnection):
            return work(*given)
        return await anyio.to_thread.run_sync(work, *given)

    @kept
    def conversations(self) -> ConversationRepository:
        """Conversations and their tags."""
        return ConversationRepository(self.connection, self.owner_id)

    @kept
    def messages(self) -> MessageRepository:
        """Messages by id and in pages."""
        return MessageRepository(self.connection, self.owner_id)

    @kept
    def threads(self) -> ThreadRepository:
        """Conversations with a page of their messages."""
        return ThreadRepository(self.connection, self.owner_id)

    @kept
    def branches(self) -> BranchRepository:
        """The trees of messages."""
        return BranchRepository(self.connection, self.owner_id)

    @kept
    def chunks(self) -> ChunkRepository:
        """Pieces of messages being written."""
        return ChunkRepository(self.connection, self.owner_id)

    @kept
    def changes(self) -> ChangeRepository:
        """What changed after a revision."""
        return ChangeRepository(self.connection, self.owner_id)

    @kept
    def versions(self) -> VersionRepository:
        """Earlier texts."""
        return VersionRepository(self.connection, self.owner_id)

    @kept
    def feedback(self) -> FeedbackRepository:
        """Readers' judgements."""
        return FeedbackRepository(self.connection, self.owner_id)

    @kept
    def imports(self) -> ImportRepository:
        """Conversations to be written as wholes."""
        return ImportRepository(self.connection, self.owner_id)

    @kept
    def exports(self) -> ExportRepository:
        """Conversations to be read as wholes."""
        return ExportRepository(self.connection, self.owner_id)

    @kept
    def passages(self) -> PassageRepository:
        """What stands next to messages."""
        return PassageRepository(self.connection, self.owner_id)

    @kept
    def embeddings(self) -> EmbeddingRepository:
        """Vectors of chunks."""
        return EmbeddingRepository(self.connection, self.owner_id)

    @kept
    def search(self) -> SearchRepository:
        """What a search reads."""
        return SearchRepository(self.connection, self.owner_id)


@dataclass
class WriteUnit(ReadUnit):
    """One write: committed as a whole when its block ends, and then announced."""

    short: bool = False
    is_whole: bool = False
    """Whether all of it is done but the commit: from then on an error may come of a commit that the
    database has made."""
    recorded: list[ConversationChanged] = field(default_factory=list)
    index_changes: IndexChanges = field(default_factory=IndexChanges)

    @kept
    def conversations(self) -> ConversationRepository:
        """Conversations and their tags; what they take with them is noted for the index."""
        return IndexedConversations(self.connection, self.owner_id, self.index_changes)

    @kept
    def messages(self) -> MessageRepository:
        """Messages, whose changes are noted for the index."""
        return IndexedMessages(self.connection, self.owner_id, self.index_changes)

    @kept
    def branches(self) -> BranchRepository:
        """The trees of messages, whose deletions are noted for the index."""
        return IndexedBranches(self.connection, self.owner_id, self.index_changes)

    @kept
    def imports(self) -> ImportRepository:
        """Conversations to be written as wholes, whose messages are noted for the index."""
        return IndexedImports(self.connection, self.owner_id, self.index_changes)

    @kept
    def appends(self) -> AppendRepository:
        """What is read to add messages to several conversations."""
        return AppendRepository(self.connection, self.owner_id)

    @kept
    def index(self) -> SearchIndexRepository:
        """The index's chunks."""
        return SearchIndexRepository(self.connection, self.owner_id)

    @kept
    def segments(self) -> SegmentRepository:
        """The index's segments; whatever is done with them is not short."""
        self.require_long()
        return SegmentRepository(self.connection, self.owner_id)

    def require_long(self) -> None:
        """Raises TakesLong in a write that was thought to be short, to be begun anew."""
        if self.short:
            raise TakesLong

    def record(self, change: ConversationChanged) -> None:
        """Notes what to announce once the write is committed."""
        self.recorded.append(change)

    async def next_owner_revision(self, count: int = 1) -> int:
        """The next place in the owner's feed, or the last of the next ones; ask for it last, for it
        locks the owner's row."""
        return await next_owner_revision(self.connection, self.owner_id, count)


class Reading:
    """The door for reading, open for one block. It is no generator, for every request opens it."""

    __slots__ = ("_door", "_store", "_viewer")

    def __init__(
        self, store: Store, viewer: Viewer, door: AbstractAsyncContextManager[AsyncConnection]
    ) -> None:
        self._store = store
        self._viewer = viewer
        self._door = door

    async def __aenter__(self) -> ReadUnit:
        connection = await self._door.__aenter__()
        owner_id = self._store.owner_at_hand(self._viewer)
        if owner_id is None:
            try:
                owner_id = await self._store.known_owner(connection, self._viewer.owner_id)
            except BaseException:
                await self._door.__aexit__(*sys.exc_info())
                raise
        return ReadUnit(connection, NOBODY if owner_id is None else owner_id)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._door.__aexit__(kind, error, trace)


class Store:
    """Opens the doors for a viewer."""

    def __init__(self, database: Database, bus: Bus | None = None) -> None:
        self.database = database
        self.bus: Bus = bus or LocalBus()
        self._owners: OrderedDict[str, int] = OrderedDict()
        self.before_commit: Callable[[WriteUnit], Awaitable[None]] | None = None
        """Called last in every write that changed what is indexed, in its transaction."""

    def read(self, viewer: Viewer, *, snapshot: bool = False, long: bool = False) -> Reading:
        """Repositories that can only read, each statement on the newest committed state, or, as a
        snapshot, all of them on one. ``long`` is as with the database's own doors."""
        door = self.database.snapshot if snapshot else self.database.read
        return Reading(self, viewer, door(long=long))

    async def aside(
        self, viewer: Viewer, work: Callable[[ReadUnit], Coroutine[Any, Any, Result]]
    ) -> Result:
        """What ``work`` makes of repositories that can only read; for what reads much and computes
        with it, and waits for nothing else. See the database's own door."""
        owner_id = await self.find_owner(viewer)
        return await self.database.aside(lambda connection: work(ReadUnit(connection, owner_id)))

    @asynccontextmanager
    async def write(self, viewer: Viewer, *, short: bool = False) -> AsyncIterator[WriteUnit]:
        """Repositories for one write. An exception undoes all of it; nobody else commits.

        ``short`` is as with the database's own door; what turns out to take long raises TakesLong.
        """
        async with self.database.write(short=short) as connection:
            owner_id = self.owner_at_hand(viewer)
            if owner_id is None:
                owner_id = await ensure_owner(connection, viewer.owner_id)
            unit = WriteUnit(connection, owner_id, short=short and self.database.groups_writes)
            yield unit
            if unit.index_changes and self.before_commit is not None:
                await self.before_commit(unit)
            unit.is_whole = True
        self._remember(viewer.owner_id, owner_id)
        if unit.recorded:
            self.bus.publish(unit.recorded)

    async def at_once(
        self, viewer: Viewer, work: Callable[[WriteUnit], Awaitable[Result | None]]
    ) -> Result | None:
        """A write of one statement, which brings what it changes into the index itself.

        None where it was not done, for the database refused it or the work had nothing to do. What
        is raised may come of a write that was made.
        """
        owner_id = self.owner_at_hand(viewer)
        if owner_id is None or not self.database.has_single_statements:
            return None
        try:
            async with self.database.single() as connection:
                unit = WriteUnit(connection, owner_id)
                done = await work(unit)
        except TimedOut:
            return None
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return None
        if unit.recorded:
            self.bus.publish(unit.recorded)
        return done

    def owner_at_hand(self, viewer: Viewer) -> int | None:
        """The viewer's number, if it need not be asked for."""
        return self._owners.get(viewer.owner_id)

    async def briefly(
        self, viewer: Viewer, work: Callable[[WriteUnit], Awaitable[Result]], *, short: bool = True
    ) -> Result:
        """A write of a few statements, which is begun anew as a long one where it takes more."""
        if short:
            with suppress(TakesLong):
                async with self.write(viewer, short=True) as unit:
                    return await work(unit)
        async with self.write(viewer) as unit:
            return await work(unit)

    async def find_owner(self, viewer: Viewer) -> int:
        """The viewer's number; NOBODY where he has none."""
        owner_id = self._owners.get(viewer.owner_id)
        if owner_id is not None:
            return owner_id
        async with self.read(viewer) as unit:
            return unit.owner_id

    async def owner_id(self, viewer: Viewer) -> int:
        """The viewer's number, which he is given now where he has none."""
        async with self.write(viewer) as unit:
            return unit.owner_id

    async def known_owner(self, connection: AsyncConnection, name: str) -> int | None:
        """An owner's number by the name, or None where he has none."""
        owner_id = self._owners.get(name)
        if owner_id is None:
            owner_id = await find_owner(connection, name)
            if owner_id is not None:
                self._remember(name, owner_id)
        return owner_id

    def _remember(self, name: str, owner_id: int) -> None:
        self._owners[name] = owner_id
        if len(self._owners) > KNOWN_OWNERS:
            self._owners.popitem(last=False)
