"""Loaders: what many fields ask for one by one is read in one statement.

Every load opens its own short read, for fields are resolved side by side and a connection serves
one statement at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from backend.limits import PAGE_SIZE
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Page, Window
from backend.repositories.records import (
    ConversationRecord,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.repositories.store import ReadUnit, Store
from backend.security.viewer import Viewer

Key = TypeVar("Key")
Value = TypeVar("Value")
Place = tuple[str, str | None]
# Below the parameters a statement takes, and enough for a page of pages in one.
BATCH = PAGE_SIZE * PAGE_SIZE // 4


class Loaders:
    """The loaders of one operation. On a socket they keep nothing: what they keep grows old."""

    def __init__(self, store: Store, viewer: Viewer, *, cache: bool) -> None:
        self._store = store
        self._viewer = viewer
        self._cache = cache
        self._pages: dict[tuple[MessageScope, Window], DataLoader[str, Page[MessageRecord]]] = {}
        self._counts: dict[MessageScope, DataLoader[str, int]] = {}

    @cached_property
    def conversations(self) -> DataLoader[str, ConversationRecord | None]:
        """Conversations by id."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, ConversationRecord | None]:
            return {row.id: row for row in await unit.conversations.list_by_ids(ids)}

        return self._loader(read, lambda: None)

    @cached_property
    def messages(self) -> DataLoader[str, MessageRecord | None]:
        """Messages by id."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, MessageRecord | None]:
            return {row.id: row for row in await unit.messages.list_by_ids(ids)}

        return self._loader(read, lambda: None)

    @cached_property
    def tags(self) -> DataLoader[str, list[str]]:
        """Tags by conversation."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, list[str]]:
            return await unit.conversations.tags_by_ids(ids)

        return self._loader(read, list)

    @cached_property
    def last_messages(self) -> DataLoader[str, MessageRecord | None]:
        """The last message of the active branch by conversation."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, MessageRecord | None]:
            return dict(await unit.messages.last_by_conversations(ids))

        return self._loader(read, lambda: None)

    @cached_property
    def siblings(self) -> DataLoader[Place, list[str]]:
        """The ids of the alternatives at a place (conversation, parent), oldest first."""

        async def read(unit: ReadUnit, places: Sequence[Place]) -> dict[Place, list[str]]:
            return await unit.messages.siblings(places)

        return self._loader(read, list)

    @cached_property
    def versions(self) -> DataLoader[str, list[VersionRecord]]:
        """Earlier texts by message."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, list[VersionRecord]]:
            return await unit.versions.list_by_messages(ids)

        return self._loader(read, list)

    @cached_property
    def feedback(self) -> DataLoader[str, FeedbackRecord | None]:
        """Readers' judgements by message."""

        async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, FeedbackRecord | None]:
            return dict(await unit.feedback.list_by_messages(ids))

        return self._loader(read, lambda: None)

    def pages(self, scope: MessageScope, window: Window) -> DataLoader[str, Page[MessageRecord]]:
        """Pages of messages by conversation."""
        found = self._pages.get((scope, window))
        if found is None:

            async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, Page[MessageRecord]]:
                return await unit.messages.pages_by_conversations(ids, scope, window)

            found = self._pages[(scope, window)] = self._loader(
                read, lambda: Page([], has_next=False, has_previous=False), batch=PAGE_SIZE
            )
        return found

    def counts(self, scope: MessageScope) -> DataLoader[str, int]:
        """Numbers of messages by conversation."""
        found = self._counts.get(scope)
        if found is None:

            async def read(unit: ReadUnit, ids: Sequence[str]) -> dict[str, int]:
                return await unit.messages.count_by_conversations(ids, scope)

            found = self._counts[scope] = self._loader(read, int)
        return found

    def _loader(
        self,
        read: Callable[[ReadUnit, Sequence[Key]], Coroutine[Any, Any, dict[Key, Value]]],
        missing: Callable[[], Value],
        *,
        batch: int = BATCH,
    ) -> DataLoader[Key, Value]:
        async def load(keys: list[Key]) -> list[Value]:
            async with self._store.read(self._viewer) as unit:
                found = await read(unit, keys)
            return [found[key] if key in found else missing() for key in keys]

        return DataLoader(load_fn=load, cache=self._cache, max_batch_size=batch)
