"""Rows whose values are taken as they are stored, where nothing else is shown of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.graphql.execution.rows import RowPicker
from backend.repositories.records import FeedbackRecord, MessageRecord
from backend.repositories.thin import thin_record

MOMENT = "2026-01-31T12:00:00.000000+00:00"
NAMES = ("message_id", "comment", "updated_at")
MAKES = (None, str.strip, datetime.fromisoformat)
Thin = thin_record(FeedbackRecord, NAMES, MAKES, ["updated_at"])
ROWS: list[Any] = [tuple.__new__(Thin, (each, " well ", MOMENT)) for each in "ab"]
WHOLE = FeedbackRecord("c", 1, None, "[]", datetime(2026, 1, 31, tzinfo=UTC))


def picked(record: type, names: tuple[str, ...], rows: list[Any]) -> list[Any] | None:
    """What is taken of the rows."""
    found = RowPicker(record, names)(rows)
    return None if found is None else list(found)


def test_values_are_taken_as_they_are_stored() -> None:
    taken = picked(FeedbackRecord, ("updated_at", "message_id"), ROWS)
    assert taken == [(MOMENT, "a"), (MOMENT, "b")]
    assert picked(FeedbackRecord, ("message_id",), ROWS) == ["a", "b"]


def test_rows_are_asked_where_something_is_made_of_what_is_stored() -> None:
    assert picked(FeedbackRecord, ("message_id", "comment"), ROWS) is None
    assert picked(FeedbackRecord, ("message_id", "rating"), ROWS) is None


def test_rows_are_asked_where_they_are_not_all_alike() -> None:
    assert picked(FeedbackRecord, ("message_id",), [*ROWS, WHOLE]) is None
    assert picked(FeedbackRecord, ("message_id",), [WHOLE]) is None
    assert picked(MessageRecord, ("message_id",), ROWS) is None
    assert picked(FeedbackRecord, ("message_id",), []) is None
