"""Makes a database of the asked size, by the tables' own columns, fast."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.config import Settings
from backend.database.database import Database
from backend.database.migrate import migrate
from backend.ids import derived_id
from backend.models import Conversation, Message
from backend.repositories.owners import ensure_owner
from backend.repositories.records import MessageRecord
from backend.security.viewer import LOCAL_VIEWER

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    "the",
    "of",
    "a",
    "branch",
    "page",
    "reads",
    "only",
    "what",
    "it",
    "returns",
    "and",
    "message",
    "cursor",
    "keeps",
    "its",
    "place",
    "while",
    "rows",
    "come",
    "go",
    "owner",
    "asks",
    "again",
    "later",
    "answer",
    "model",
    "context",
    "window",
    "budget",
    "tokens",
    "fit",
    "newest",
]
ROWS_AT_ONCE = 5000


async def seed(settings: Settings, conversations: int, messages: int) -> None:
    """Fills an empty database with conversations of equally many messages each."""
    await migrate(settings)
    database = Database(settings)
    async with database.write() as connection:
        owner = await ensure_owner(connection, LOCAL_VIEWER.owner_id)
        await _insert(connection, Conversation, _conversations(owner, conversations, messages))
        await _insert(connection, Message, _messages(owner, conversations, messages))
    await database.close()


async def _insert(connection: AsyncConnection, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            await connection.execute(insert(table), batch)
            batch = []
    if batch:
        await connection.execute(insert(table), batch)


def conversation_id(number: int) -> str:
    """The id of the n-th conversation."""
    return derived_id(START + timedelta(hours=number), "conversation", str(number))


def message_id(number: int, position: int) -> str:
    """The id of a conversation's n-th message."""
    moment = START + timedelta(hours=number, seconds=position)
    return derived_id(moment, "message", str(number), str(position))


def _conversations(owner: int, count: int, messages: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        made = START + timedelta(hours=number)
        last = made + timedelta(seconds=messages)
        yield {
            "owner_id": owner,
            "id": conversation_id(number),
            "title": f"Conversation {number}",
            "title_key": f"conversation {number}",
            "created_at": made,
            "updated_at": last,
            "last_message_at": last,
            "last_activity_at": last,
            "message_count": messages,
            "revision": messages + 1,
            "own_revision": 1,
            "owner_revision": number,
        }


def _messages(owner: int, conversations: int, messages: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(20260101)
    nothing = dict.fromkeys(MessageRecord._fields)
    for number in range(conversations):
        for position in range(1, messages + 1):
            yield {
                **nothing,
                "owner_id": owner,
                "id": message_id(number, position),
                "conversation_id": conversation_id(number),
                "parent_id": message_id(number, position - 1) if position > 1 else None,
                "position": position,
                "active": True,
                "role": "user" if position % 2 else "assistant",
                "content": " ".join(chance.choices(WORDS, k=chance.randint(10, 60))),
                "status": "complete",
                "token_count": 40,
                "created_at": START + timedelta(hours=number, seconds=position),
                "added_revision": position + 1,
                "revision": position + 1,
            }
