"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime


def moment_text(moment: datetime) -> str:
    """ISO 8601 in UTC and of fixed width, which sorts as time does: as SQLite keeps it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
