"""Rows for every table, whatever the tables are: for migrations that have yet to be written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

ROWS = 5
MOMENT = "2026-01-02T03:04:05.000006+00:00"


def fill(connection: sa.Connection) -> None:
    """Puts rows into every table that is empty: one where it refers to nothing, else ``ROWS``.

    References point at rows that exist, and each row that may refer to its own table refers to the
    row before it.
    """
    metadata = _reflected(connection)
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in metadata.sorted_tables:
        stored = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        rows[table.name] = stored or _insert(connection, table, rows)


def counts(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table holds."""
    return {
        table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in _reflected(connection).sorted_tables
    }


def _reflected(connection: sa.Connection) -> sa.MetaData:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    metadata.remove(metadata.tables["alembic_version"])
    return metadata


def _insert(
    connection: sa.Connection, table: sa.Table, stored: dict[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    most = ROWS if table.foreign_key_constraints else 1
    count = min([most, *(len(stored[name]) for name in _extended(table))])
    made: list[dict[str, Any]] = []
    for number in range(count):
        made.append(_row(table, number, {**stored, table.name: made}))
        connection.execute(sa.insert(table).values(made[-1]))
    return made


def _extended(table: sa.Table) -> list[str]:
    """The tables that this one has at most one row for each row of."""
    own = set(table.primary_key.columns.keys())
    keys = table.foreign_key_constraints
    return [key.referred_table.name for key in keys if own <= set(key.column_keys)]


def _row(table: sa.Table, number: int, stored: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    own_last = sorted(table.foreign_key_constraints, key=lambda key: key.referred_table is table)
    for constraint in own_last:
        values |= _reference(constraint, number, values, stored)
    plain = [column for column in table.columns if column.name not in values]
    return values | {column.name: _value(column, number) for column in plain}


def _reference(
    constraint: sa.ForeignKeyConstraint,
    number: int,
    values: dict[str, Any],
    stored: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """The columns of a reference: to the row of the same number, or to any that fits."""
    names = {each.parent.name: each.column.name for each in constraint.elements}
    there = stored[constraint.referred_table.name]
    for row in there[number:] + there[::-1]:
        found = {here: row[name] for here, name in names.items()}
        if all(values.get(here, value) == value for here, value in found.items()):
            return found
    return dict.fromkeys(name for name in names if name not in values)


def _value(column: sa.Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, sa.Uuid) or getattr(kind, "length", None) == 36:
        text = str(UUID(int=number + 1))
        return UUID(text) if isinstance(kind, sa.Uuid) and kind.as_uuid else text
    if isinstance(kind, sa.DateTime):
        return sa.func.now()
    if isinstance(kind, sa.LargeBinary):
        return f"bytes {number}".encode()
    if isinstance(kind, sa.Boolean):
        return number == 0
    if isinstance(kind, sa.Integer):
        return number + 1
    return MOMENT if column.name.endswith("_at") else f"text {number}"
