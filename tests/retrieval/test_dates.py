"""Days named in queries."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.dates import Days, named_days

DAY = Days(date(2023, 10, 12), date(2023, 10, 12))


@pytest.mark.parametrize(
    "text",
    [
        "on 12 October 2023",
        "12 October, 2023?",
        "the 12th of October, 2023",
        "October 12, 2023",
        "Oct. 12th 2023",
        "em 12 de outubro de 2023",
        "12 de OUTUBRO, 2023",
        "2023-10-12",
        "12/10/2023",
        "12.10.2023",
    ],
)
def test_a_day(text: str) -> None:
    assert named_days(text) == (DAY,)


def test_a_month() -> None:
    october = Days(date(2023, 10, 1), date(2023, 10, 31))
    assert named_days("in October 2023") == (october,)
    assert named_days("em outubro de 2023") == (october,)
    assert named_days("2023-10") == (october,)


def test_the_order_of_day_and_month_that_makes_a_date() -> None:
    assert named_days("10/25/2023") == (Days(date(2023, 10, 25), date(2023, 10, 25)),)
    assert named_days("1º de março de 2020") == (Days(date(2020, 3, 1), date(2020, 3, 1)),)


@pytest.mark.parametrize(
    "text", ["", "in 2023", "31/02/2023", "2023-13", "may I?", "12:30", "May 2123", "99 May 2020 x"]
)
def test_no_day(text: str) -> None:
    assert not [d for d in named_days(text) if d.first == d.last]


def test_told_on_the_day_or_in_the_week_after() -> None:
    assert DAY.near(date(2023, 10, 12))
    assert DAY.near(date(2023, 10, 19))
    assert not DAY.near(date(2023, 10, 11))
    assert not DAY.near(date(2023, 10, 20))


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_any_written_date_is_read_back(day: date) -> None:
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    for text in (
        day.isoformat(),
        f"{day.day} {months[day.month - 1]} {day.year}",
        f"{day:%d/%m/%Y}",
    ):
        assert named_days(f"on {text}, please") == (Days(day, day),)


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    assert all(d.first <= d.last < d.first + timedelta(days=31) for d in named_days(text))
