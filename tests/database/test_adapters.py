"""What the driver of SQLite is told to take as it is, it stores as it would have."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import backend.database.sqlite  # noqa: F401 - tells the driver


def test_nothing_and_bytes_are_stored_as_they_are() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        given = (None, b"", b"a\0b", bytearray(b"c"))
        found = connection.execute(
            "SELECT ?1, ?2, ?3, ?4, typeof(?1), typeof(?2), typeof(?4)", given
        ).fetchone()
    assert found == (None, b"", b"a\0b", b"c", "null", "blob", "blob")
