"""Fills a SQLite file with millions of messages, inside SQLite: nothing passes through Python.

The secondary indexes are made at the end, each in one sort. Nothing is durable on the way: the file
is for measuring. The search index stays empty.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

CONVERSATIONS = """
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :first + :count - 1)
INSERT INTO conversations (owner_id, id, title, title_key, pinned, archived, created_at, updated_at,
  last_message_at, last_activity_at, message_count, revision, own_revision, owner_revision)
SELECT 1, printf('%08x-0000-7000-8000-000000000000', i), 'Conversation ' || i, 'conversation ' || i,
  0, 0, t, t, t, t, :messages, :messages + 1, 1, i
FROM (SELECT i, strftime(:moment, 1600000000 + i * 60, 'unixepoch') t FROM n)
"""
MESSAGES = """
WITH RECURSIVE
  n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :first + :count - 1),
  p(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM p WHERE k < :messages)
INSERT INTO messages (owner_id, id, conversation_id, parent_id, position, active, role, content,
  status, token_count, created_at, added_revision, revision)
SELECT 1, printf('%08x-0000-7000-8000-%012x', i, k), printf('%08x-0000-7000-8000-000000000000', i),
  iif(k > 1, printf('%08x-0000-7000-8000-%012x', i, k - 1), NULL), k, 1,
  iif(k % 2, 'user', 'assistant'),
  substr(:text, 1 + (i * 7 + k * 13) % 60, 40 + (i * 31 + k * 17) % 260), 'complete', 40,
  strftime(:moment, 1600000000 + i * 60 + k % 60, 'unixepoch'), k + 1, k + 1
FROM n CROSS JOIN p
"""
TEXT = (
    "a branch of messages reads only what it returns and the cursor keeps its place while rows " * 5
)
MOMENT = "%Y-%m-%dT%H:%M:%S.000000+00:00"
FAST = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-500000")


def conversation_id(number: int) -> str:
    """The id of a conversation."""
    return f"{number:08x}-0000-7000-8000-000000000000"


def fill(path: Path, shapes: list[tuple[int, int]]) -> None:
    """Adds so many conversations of so many messages each, for every shape, numbered on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in FAST:
            database.execute(f"PRAGMA {pragma}")
        database.execute("PRAGMA foreign_keys=OFF")
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('conversations', 'messages')"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        first = 1
        for count, messages in shapes:
            given = {"first": first, "count": count, "messages": messages, "moment": MOMENT}
            database.execute("BEGIN")
            database.execute(CONVERSATIONS, given)
            database.execute(MESSAGES, {**given, "text": TEXT})
            database.execute("COMMIT")
            first += count
        for _, sql in indexes:
            database.execute(sql)
        database.execute("PRAGMA journal_mode=WAL")
