"""Times as chat exports write them: seconds, milliseconds, microseconds since 1970, or ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

# One unit's plausible times end where the next one's begin: 1e11 seconds is the year 5138, and
# 1e11 milliseconds is 1973, before any chat program kept its times so.
_SECONDS_BELOW = 1e11
_MILLISECONDS_BELOW = 1e14
_MICROSECONDS_BELOW = 1e17

_NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)


def read_time(value: Any) -> datetime | None:
    """The moment a source means, aware and in UTC; None where it gives none, or no sense.

    Numbers are seconds, milliseconds, microseconds or nanoseconds, told apart by their size; zero
    and less mean "unknown" in every export seen. Text is ISO 8601 (without a zone: UTC) or a
    number. MongoDB's extended form ``{"$date": …}`` is understood.
    """
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if isinstance(value, dict):
        return _from_extended(value)
    return None


def _from_number(number: float) -> datetime | None:
    if not 0 < number < float("inf"):
        return None
    if number >= _MICROSECONDS_BELOW:
        number /= 1e9
    elif number >= _MILLISECONDS_BELOW:
        number /= 1e6
    elif number >= _SECONDS_BELOW:
        number /= 1e3
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _from_text(text: str) -> datetime | None:
    if text[4:5] != "-" and _NUMBER.fullmatch(text):
        return _from_number(float(text))
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_extended(value: dict[str, Any]) -> datetime | None:
    inner = value.get("$date")
    if isinstance(inner, dict):
        inner = inner.get("$numberLong")
    return None if isinstance(inner, dict) else read_time(inner)
