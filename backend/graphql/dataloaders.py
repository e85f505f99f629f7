"""Loaders: what many fields ask for one by one is read in one statement.

Every load opens its own short read, for fields are resolved side by side and a connection serves
one statement at a time. What has to look at more rows than it returns is a long read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from backend.graphql.execution.loading import Loader, Turn
from backend.limits import PAGE_SIZE
from backend.repositories.conversations import ConversationFilter
from backend.repositories.message_pages import PageAsked
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Page
from backend.repositories.records import (
    ConversationRecord,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.repositories.store import ReadUnit, Store
from backend.repositories.threads import Thread
from backend.security.viewer import Viewer
from backend.utils.kept import kept

Key = TypeVar("Key")
Value = TypeVar("Value")
Place = tuple[str, str | None]
# Below the parameters a statement takes, and enough for a page of pages in one.
BATCH = PAGE_SIZE * PAGE_SIZE // 4


class Loaders:
    """The loaders of one operation. On a socket they keep nothing: what they keep grows old."""

    def __init__(self, store: Store, viewer: Viewer, turn: Turn, *, cache: bool) -> None:
        self._store = store
        self._viewer = viewer
        self._turn = turn
        self._cache = cache
        self._conversations: dict[
            frozenset[str] | None, Loader[str, ConversationRecord | None]
        ] = {}
        self._pages: dict[PageAsked, Loader[str, Page[MessageRecord]]] = {}
        self._threads: dict[Any, Loader[str, Thread | None]] = {}
        self._around: dict[
            tuple[MessageScope, int], Loader[MessageRecord, Page[MessageRecord]]
        ] = {}
        self._counts: dict[MessageScope, Loader[str, int]] = {}

    @kept
    def conversations(self) -> Loader[str, ConversationRecord | None]:
        """Conversations by id."""
        return self.conversations_with(None)

    def conversations_with(
        self, columns: frozenset[str] | None
    ) -> Loader[str, ConversationRecord | None]:
        """Conversations by id, of which these columns are read, or all."""
        found = self._conversations.get(columns)
        if found is None:

            async def read(
                unit: ReadUnit, ids: Sequence[str]
            ) -> dict[str, ConversationRecord | None]:
                return {row.id: row for row in await unit.conversations.list_by_ids(ids, columns)}

            found = self._conversations[columns] = self._loader(read, _none)
        return found

    @kept
    def list_lengths(self) -> Loader[ConversationFilter, int]:
        """How many conversations there are, by which."""

        async def read(
            unit: ReadUnit, wanted: Sequence[ConversationFilter]
        ) -> dict[ConversationFilter, int]:
            return {each: await unit.conversations.count(each) for each in wanted}

        return self._loader(read, int, long=True)

    @kept
    def messages(self) -> Loader[str, MessageRecord | None]:
        """Messages by id."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, MessageRecord | None]:
            return {row.id: row for row in await unit.messages.list_by_ids(ids)}

        return self._loader(read, lambda: None)

    @kept
    def tags(self) -> Loader[str, list[str]]:
        """Tags by conversation."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, list[str]]:
            return await unit.conversations.tags_by_ids(ids)

        return self._loader(read, list)

    @kept
    def last_messages(self) -> Loader[str, MessageRecord | None]:
        """The last message of the active branch by conversation."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, MessageRecord | None]:
            return dict(await unit.messages.last_by_conversations(ids))

        return self._loader(read, lambda: None)

    @kept
    def siblings(self) -> Loader[Place, list[str]]:
        """The ids of the alternatives at a place (conversation, parent), oldest first."""

        async def read(unit: ReadUnit, places: Sequence[Place]) -> dict[Place, list[str]]:
            return await unit.messages.siblings(places)

        return self._loader(read, list)

    @kept
    def versions(self) -> Loader[str, list[VersionRecord]]:
        """Earlier texts by message."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, list[VersionRecord]]:
            return await unit.versions.list_by_messages(ids)

        return self._loader(read, list)

    @kept
    def feedback(self) -> Loader[str, FeedbackRecord | None]:
        """Readers' judgements by message."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, FeedbackRecord | None]:
            return dict(await unit.feedback.list_by_messages(ids))

        return self._loader(read, lambda: None)

    def pages(self, asked: PageAsked) -> Loader[str, Page[MessageRecord]]:
        """Pages of messages by conversation."""
        found = self._pages.get(asked)
        if found is None:

            async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, Page[MessageRecord]]:
                return await unit.messages.pages_by_conversations(ids, *asked)

            found = self._pages[asked] = self._loader(
                read, _no_rows, batch=PAGE_SIZE, long=bool(asked.scope.roles)
            )
        return found

    def threads(
        self, columns: frozenset[str] | None, asked: PageAsked
    ) -> Loader[str, Thread | None]:
        """Conversations by id, of which these columns are read or all, each with a page."""
        found = self._threads.get((columns, asked))
        if found is None:

            async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, Thread | None]:
                if len(ids) == 1:
                    return {ids[0]: await unit.threads.find(ids[0], columns, asked)}
                return dict(await unit.threads.list_by_ids(ids, columns, asked))

            found = self._threads[(columns, asked)] = self._loader(
                read, _none, batch=PAGE_SIZE, long=bool(asked.scope.roles)
            )
        return found

    def pages_around(
        self, scope: MessageScope, size: int
    ) -> Loader[MessageRecord, Page[MessageRecord]]:
        """Pages with a message in their middle, by that message."""
        found = self._around.get((scope, size))
        if found is None:

            async def read(
                unit: ReadUnit, messages: Sequence[MessageRecord]
            ) -> dict[MessageRecord, Page[MessageRecord]]:
                around = unit.messages.page_around
                return {each: await around(each, scope, size) for each in messages}

            found = self._around[(scope, size)] = self._loader(
                read, _no_rows, long=bool(scope.roles)
            )
        return found

    def counts(self, scope: MessageScope) -> Loader[str, int]:
        """Numbers of messages by conversation."""
        found = self._counts.get(scope)
        if found is None:

            async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, int]:
                return await unit.messages.count_by_conversations(ids, scope)

            found = self._counts[scope] = self._loader(read, int, long=True)
        return found

    def _loader(
        self,
        read: Callable[[ReadUnit, Sequence[Key]], Coroutine[Any, Any, dict[Key, Value]]],
        missing: Callable[[], Value],
        *,
        batch: int = BATCH,
        long: bool = False,
    ) -> Loader[Key, Value]:
        # Nothing here leads back to these loaders: they end with their operation, and are no work
        # for the garbage collector.
        store, viewer = self._store, self._viewer

        async def load(keys: list[Key]) -> list[Value]:
            async with store.read(viewer, long=long) as unit:
                found = await read(unit, keys)
            return [found[key] if key in found else missing() for key in keys]

        return Loader(load, self._turn, cache=self._cache, max_batch_size=batch)


def _none() -> None:
    return None


def _no_rows() -> Page[MessageRecord]:
    return Page([], has_next=False, has_previous=False)
