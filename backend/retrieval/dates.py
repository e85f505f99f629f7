"""Days that a query names, in English or Portuguese: what was said then is what it is about."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from backend.retrieval.analysis import fold

TOLD_WITHIN = timedelta(days=7)
"""People tell of a day on the day itself or within about a week after it."""

_MONTHS = {
    name: number
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan fev mar abr mai jun jul ago set out nov dez",
    )
    for number, name in enumerate(names.split(), 1)
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|o)?"
_PATTERNS = [
    re.compile(rf"\b{pattern}\b")
    for pattern in (
        rf"{_YEAR}-(?P<month>[01]\d)(?:-(?P<day>[0-3]\d))?",
        rf"{_DAY}[/.](?P<month>[0-3]?\d)[/.]{_YEAR}",
        rf"{_DAY}(?: of| de)? (?P<month>{_MONTH})\.?(?: of| de|,)? {_YEAR}",
        rf"(?P<month>{_MONTH})\.? {_DAY},? {_YEAR}",
        rf"(?P<month>{_MONTH})\.?(?: of| de|,)? {_YEAR}",
    )
]


class Days(NamedTuple):
    """From the first day to the last, both included."""

    first: date
    last: date

    def near(self, day: date) -> bool:
        """Whether something said on ``day`` may well tell of these days."""
        return self.first <= day <= self.last + TOLD_WITHIN


def named_days(text: str) -> tuple[Days, ...]:
    """The days and months with a year that a text names, in the order of the patterns.

    ``03/04/2024`` is read day first, unless only the other reading is a date.
    """
    found: list[Days] = []
    folded = " ".join(fold(text).split())
    for pattern in _PATTERNS:
        rest = []
        at = 0
        for match in pattern.finditer(folded):
            if days := _days(match.groupdict()):
                found.append(days)
                rest.append(folded[at : match.start()])
                at = match.end()
        folded = " ; ".join([*rest, folded[at:]])
    return tuple(dict.fromkeys(found))


def _days(parts: dict[str, str | None]) -> Days | None:
    year, month = int(parts["year"] or 0), _month(parts["month"] or "")
    if parts.get("day") is None:
        return _whole_month(year, month)
    for one, other in _readings(int(parts["day"] or 0), month, parts["month"] or ""):
        try:
            day = date(year, other, one)
        except ValueError:
            continue
        return Days(day, day)
    return None


def _readings(day: int, month: int, written: str) -> Iterator[tuple[int, int]]:
    yield day, month
    if written.isdecimal():
        yield month, day


def _month(written: str) -> int:
    return int(written) if written.isdecimal() else _MONTHS[written]


def _whole_month(year: int, month: int) -> Days | None:
    if not 1 <= month <= 12:
        return None
    return Days(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
