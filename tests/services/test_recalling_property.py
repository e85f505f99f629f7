"""Whatever was said, wherever it branched, and whatever is asked: what holds of every window.

CONVERSA_TEST_EXAMPLES sets how many histories are tried.
"""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.database.database import Database
from backend.ids import new_id
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.context import ContextWindow
from backend.services.drafts import MessageDraft
from backend.services.history import HistoryRow
from backend.services.passages import orphans
from backend.services.recalling import Recall
from backend.utils.prompts import prompt_tokens
from tests.services.test_recalling import call, quoted, result
from tests.support.conversations import message_draft, stored_conversation

WORDS = ["zebra", "hay", "Bob", "winter", "night", "snow", "said", "word " * 80, "ação", "日本語"]
START = datetime(2024, 1, 1, tzinfo=UTC)
RECALLS = st.builds(
    Recall,
    count=st.integers(0, 12),
    query=st.sampled_from([None, "zebra hay", "winter night of Bob", "", '"hay" -Bob', "the"]),
    scope=st.sampled_from(["all", "conversation", "others"]),
    floor=st.sampled_from([0.0, 0.3, 0.9]),
    recency=st.sampled_from([0.0, 0.5, 1.0]),
    alternatives=st.booleans(),
)
ASKED = st.tuples(st.integers(0, 700), st.none() | st.integers(0, 12), RECALLS, st.booleans())


@settings(
    max_examples=int(os.environ.get("CONVERSA_TEST_EXAMPLES", "8")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@given(asked=st.lists(ASKED, min_size=6, max_size=6), seed=st.integers(0, 2**16))
def test_every_window(
    settings: Settings, asked: list[tuple[int, int | None, Recall, bool]], seed: int
) -> None:
    asyncio.run(_tried(settings, asked, random.Random(seed)))


async def _tried(
    database_settings: Settings,
    asked: list[tuple[int, int | None, Recall, bool]],
    chance: random.Random,
) -> None:
    database = Database(database_settings)
    try:
        world = _World(Services(Store(database)), chance)
        for _ in range(4):
            await world.talk(world.viewer)
        await world.talk(world.stranger)
        for max_tokens, recent, recall, elsewhere in asked:
            chat, leaf = world.place(elsewhere)
            window = await world.services.context.window(
                world.viewer,
                chat,
                max_tokens=max_tokens,
                recent=recent,
                recall=recall,
                leaf_id=leaf,
            )
            await world.require(window, max_tokens, recent, recall, leaf)
    finally:
        await database.close()


class _World:
    """Conversations of two owners who talk about the same things."""

    def __init__(self, services: Services, chance: random.Random) -> None:
        self.services = services
        self.viewer = Viewer(owner_id=new_id(), name="someone")
        self.stranger = Viewer(owner_id=new_id(), name="a stranger")
        self._chance = chance
        self._chats: dict[str, list[str]] = {}
        self._moment = START

    async def talk(self, viewer: Viewer) -> None:
        """A conversation that goes on at random places, and calls tools."""
        chat = await stored_conversation(self.services, viewer)
        ids: list[str] = []
        for _ in range(self._chance.randrange(1, 6)):
            drafts = [draft for _ in range(3) for draft in self._turn()]
            parent = self._chance.choice([None, *ids]) if ids else None
            rows = await self.services.messages.add(viewer, chat.id, drafts, parent_id=parent)
            ids += [row.id for row in rows]
        if viewer is self.viewer:
            self._chats[chat.id] = ids

    def _turn(self) -> list[MessageDraft]:
        kind = self._chance.randrange(6)
        if kind == 0:
            name = self._chance.choice("ab")
            return [
                self._draft(None, "assistant", parts=call(name)),
                self._draft(None, "tool", parts=result(self._chance.choice("ab"), self._text())),
            ]
        role = ("system", "user", "assistant", "user", "assistant")[kind - 1]
        return [self._draft(self._text(), role)]

    def _draft(self, content: str | None, role: str, **values: Any) -> MessageDraft:
        self._moment += timedelta(hours=self._chance.randrange(1, 50))
        return message_draft(content, role, created_at=self._moment, **values)

    def _text(self) -> str:
        return " ".join(self._chance.choices(WORDS, k=self._chance.randrange(1, 6)))

    def place(self, elsewhere: bool) -> tuple[str, str | None]:
        """A conversation, and a message of it to end at."""
        chat = self._chance.choice(list(self._chats))
        return chat, self._chance.choice(self._chats[chat]) if elsewhere else None

    async def require(
        self,
        window: ContextWindow,
        max_tokens: int,
        recent: int | None,
        recall: Recall,
        leaf: str | None,
    ) -> None:
        """What holds of a window."""
        assert window.token_count == prompt_tokens(window.prompt) <= max_tokens
        ids = [entry.message.id for entry in window.messages]
        assert len(set(ids)) == len(ids)
        origins = [entry.origin for entry in window.messages]
        assert origins == sorted(origins, key=["system", "recalled", "recent"].index)
        assert recent is None or origins.count("recent") <= recent
        recalled = [entry for entry in window.messages if entry.origin == "recalled"]
        assert len([e for e in recalled if e.reason and e.reason.rank]) <= recall.count
        if recalled:
            assert [line["text"] for line in quoted(window)] == [e.content for e in recalled]
        rows = [entry.message for entry in recalled]
        assert orphans(HistoryRow(row) for row in rows) == set()
        told = {(m.role, m.content, m.parts_json) for m in (e.message for e in window.messages
                if e.origin != "recalled")}  # fmt: skip
        assert not [row for row in rows if (row.role, row.content, row.parts_json) in told]
        assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
        if not recall.alternatives and leaf is None:
            assert all(row.active for row in rows)
        async with self.services.store.read(self.viewer) as unit:
            own = {row.id for row in await unit.messages.list_by_ids([row.id for row in rows])}
        assert own == {row.id for row in rows}
        wanted = {entry.reason.neighbour_of for entry in recalled if entry.reason} - {None}
        assert wanted <= set(ids)
