"""How a database goes about a statement: its plan, and how much it reads."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.database import Database
from tests.support.statements import Statement


@dataclass(frozen=True)
class Plan:
    """``scanned``: tables read from end to end, beyond what is returned. ``sorted``: whether rows
    are put in order that are not returned. ``work``: rows looked at on PostgreSQL, steps of the
    virtual machine on SQLite."""

    scanned: list[str]
    sorted: bool
    work: int
    text: str


async def plan_of(database: Database, statement: Statement) -> Plan:
    """The plan of a statement that was sent, found by sending it again."""
    if database.dialect == "sqlite":
        return _sqlite_plan(str(database.url.database), statement)
    async with database.read() as connection:
        return await _postgresql_plan(connection, statement)


async def rows_read(database: Database) -> int:
    """How many conversations and messages PostgreSQL looked at so far, by the connection that
    writes."""
    async with database.write() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    async with database.write() as connection:
        found: int = await connection.scalar(
            text(
                "SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_user_tables "
                "WHERE relname IN ('conversations', 'messages')"
            )
        )
        return found


def _sqlite_plan(path: str, statement: Statement) -> Plan:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        explained = connection.execute(
            "EXPLAIN QUERY PLAN " + statement.sql, statement.parameters
        ).fetchall()
        steps = _sqlite_steps(connection, statement)
    lines = [row[3] for row in explained]
    scans = [re.match(r"SCAN (\w+)", line) for line in lines]
    return Plan(
        # What a query makes on its way (subqueries, recursive tables) is scanned by nature.
        [found[1] for found in scans if found and found[1] in _tables(statement)],
        any("TEMP B-TREE FOR ORDER BY" in line for line in lines),
        steps,
        "\n".join(lines),
    )


def _sqlite_steps(connection: sqlite3.Connection, statement: Statement) -> int:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(count, 1)
    connection.execute(statement.sql, statement.parameters).fetchall()
    connection.set_progress_handler(None, 0)
    return steps


async def _postgresql_plan(connection: AsyncConnection, statement: Statement) -> Plan:
    explain = "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) "
    rows = await connection.exec_driver_sql(explain + statement.sql, statement.parameters)
    found = rows.scalar_one()
    text = found if isinstance(found, str) else json.dumps(found)
    nodes = list(_nodes(json.loads(text)[0]["Plan"]))
    returned = nodes[0]["Actual Rows"]
    scans = [node for node in nodes if node["Node Type"] == "Seq Scan"]
    sorts = [node["Plans"][0] for node in nodes if "Sort" in node["Node Type"]]
    return Plan(
        [node["Relation Name"] for node in scans if _rows_read(node) > returned],
        any(node["Actual Rows"] * node["Actual Loops"] > returned for node in sorts),
        sum(_rows_read(node) for node in nodes),
        text,
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _rows_read(node: dict[str, Any]) -> int:
    if node["Node Type"] not in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"):
        return 0
    each: float = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return round(each * int(node["Actual Loops"]))


def _tables(statement: Statement) -> set[str]:
    return set(re.findall(r"(?:FROM|JOIN) (\w+)", statement.sql))
