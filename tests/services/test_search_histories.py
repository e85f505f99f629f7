"""Whatever happens to messages, the index holds what they say now and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.database.database import Database
from backend.ids import new_id
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.indexing import flush
from backend.services.messages import MessageChanges
from tests.support.conversations import message_draft, say, stored_conversation

WORDS = st.sampled_from(["zebra", "ação", "foo_bar", "日本語", "x" * 1200, "a b. " * 500, ""])
ACTIONS = ("say", "branch", "edit", "delete", "take out", "fork", "drop", "flush", "tidy", "stream")
HISTORIES = st.lists(st.tuples(st.sampled_from(ACTIONS), WORDS), max_size=16)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES, seed=st.integers(0, 2**16))
def test_index_agrees_after_any_history(
    settings: Settings, history: list[tuple[str, str]], seed: int
) -> None:
    asyncio.run(_lived(settings, history, random.Random(seed)))


async def _lived(
    database_settings: Settings, history: Sequence[tuple[str, str]], chance: random.Random
) -> None:
    database = Database(database_settings)
    try:
        life = _Life(Services(Store(database)), chance)
        for action, words in history:
            await life.step(action, words)
        assert [line async for line in life.services.checks.problems()] == []
        for word in ("zebra", "ação"):
            assert await life.found(word) == await life.holding(word)
    finally:
        await database.close()


class _Life:
    """One owner's conversations, to which things happen."""

    def __init__(self, services: Services, chance: random.Random) -> None:
        self.services = services
        self.viewer = Viewer(owner_id=new_id(), name="someone")
        self._chance = chance
        self._chats: list[str] = []

    async def step(self, action: str, words: str) -> None:
        """Something happens, where it can."""
        services, viewer = self.services, self.viewer
        if not self._chats:
            self._chats.append((await stored_conversation(services, viewer)).id)
        chat = self._chance.choice(self._chats)
        message = await self._any_message(chat)
        if action == "say":
            await say(services, viewer, chat, words or "nothing", "an answer")
        elif action == "stream":
            await self._stream(chat, words)
        elif action == "flush":
            await self._flush()
        elif action == "tidy":
            await services.upkeep.everything()
        elif action == "drop":
            await services.conversations.delete(viewer, chat)
            self._chats.remove(chat)
        elif message is not None:
            await self._change(action, message, words)

    async def _change(self, action: str, message: str, words: str) -> None:
        services, viewer = self.services, self.viewer
        if action == "edit":
            changes = MessageChanges(content=words or "nothing", expected_revision=None)
            await services.messages.update(viewer, message, changes)
        elif action == "fork":
            self._chats.append((await services.conversations.fork(viewer, message)).id)
        elif action == "branch":
            async with services.store.read(viewer) as unit:
                chat = (await unit.messages.get(message)).conversation_id
            await say(services, viewer, chat, words or "nothing", parent_id=message)
        else:
            whole = action == "delete"
            await services.messages.delete(viewer, message, descendants=whole)

    async def _stream(self, chat: str, words: str) -> None:
        services, viewer = self.services, self.viewer
        begun = await services.streaming.start(viewer, chat, message_draft(None, "assistant"))
        await services.streaming.append(viewer, begun.id, 0, words)
        await services.streaming.finish(viewer, begun.id)

    async def _flush(self) -> None:
        async with self.services.store.write(self.viewer) as unit:
            await unit.index.lock()
            await flush(unit.segments)

    async def _any_message(self, chat: str) -> str | None:
        rows = await self._messages(chat)
        return self._chance.choice([row for row, _ in rows]) if rows else None

    async def _messages(self, chat: str) -> list[tuple[str, str]]:
        async with self.services.store.read(self.viewer) as unit:
            rows = await unit.imports.messages_of(chat)
            return [(row.id, row.content) for row in rows]

    async def found(self, word: str) -> set[str]:
        """The messages that a phrase finds."""
        page = await self.services.search.search(self.viewer, f'"{word}"', first=200)
        return {hit.message.id for hit in page.rows}

    async def holding(self, word: str) -> set[str]:
        """The messages that say it."""
        rows = [row for chat in self._chats for row in await self._messages(chat)]
        return {message_id for message_id, content in rows if word in content}
