"""Ids have one form, whatever else could be read as a UUID."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.ids import derived_id, new_id, parse_id

ID = "01939b3c-7a52-7c4e-8d3b-2f6a1c8e5d40"


@given(st.uuids())
def test_every_uuid_is_taken_in_either_case(value: UUID) -> None:
    assert parse_id(str(value)) == str(value)
    assert parse_id(str(value).upper()) == str(value)


def test_our_own_are_in_that_form() -> None:
    assert parse_id(made := new_id()) == made
    assert parse_id(told := derived_id(None, "a")) == told


@pytest.mark.parametrize(
    "text",
    [
        f"urn:uuid:{ID}",
        f"{{{ID}}}",
        ID.replace("-", ""),
        f"urn:{ID.replace('-', '')}",
        f"{{{ID.replace('-', '')}}}--",
        ID.replace("-", "_"),
        ID.replace("0", "\uff10"),
        ID.replace("0", "\u0660"),
        f"{ID[:-2]}_0",
        f" {ID[1:]}",
        f"{ID}\n",
        f"{ID[:-1]}\n",
        ID[:-1],
        f"{ID}0",
        "",
        "-" * 36,
        ID.replace("c", "\u017f"),
    ],
)
def test_no_other_form_is_taken(text: str) -> None:
    assert parse_id(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF-_{}urn:\uff10 \n", min_size=34, max_size=38))
def test_what_is_taken_is_what_the_library_reads(text: str) -> None:
    found = parse_id(text)
    assert found is None or found == str(UUID(text)) == text.lower()
