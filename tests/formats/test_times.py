"""Times in every form that exports use."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.formats.times import read_time

MOMENT = datetime(2024, 5, 1, 16, 35, 11, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1714581311.5,
        1714581311500,
        1714581311500000,
        1714581311500000000,
        "1714581311.5",
        "2024-05-01T16:35:11.500Z",
        "2024-05-01T16:35:11.500000+00:00",
        "2024-05-01T18:35:11.500+02:00",
        "2024-05-01 16:35:11.5",
        {"$date": "2024-05-01T16:35:11.500Z"},
        {"$date": {"$numberLong": "1714581311500"}},
    ],
)
def test_the_same_moment_in_every_form(value: Any) -> None:
    assert read_time(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        None, "", "soon", 0, -1, True, float("nan"), float("inf"), 10**40, [], {},
        {"$date": {"$date": {}}}, "9" * 400, "0001-01-01T00:00:00+23:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any) -> None:
    assert read_time(value) is None


def test_times_are_in_utc() -> None:
    moment = read_time("2024-05-01T18:35:11+02:00")
    assert moment is not None
    assert moment.tzinfo is UTC
