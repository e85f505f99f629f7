"""Messages in the driver's form are the records they were made of, in every column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from backend.models import Message
from backend.repositories.bulk import _prepared, _values
from backend.repositories.plain_messages import PlainMessages, ids_of, joined
from backend.repositories.records import MessageRecord

MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
TEXTS = st.none() | st.text(max_size=8)
COUNTS = st.none() | st.integers(0, 2**31 - 1)


@st.composite
def records(draw: st.DrawFn) -> MessageRecord:
    """A message with any values."""
    return MessageRecord(
        id=draw(st.uuids().map(str)),
        conversation_id="c",
        parent_id=draw(TEXTS),
        position=draw(st.integers(1, 9)),
        active=draw(st.booleans()),
        role="user",
        name=draw(TEXTS),
        content=draw(st.text(max_size=8)),
        parts_json=draw(TEXTS),
        status="complete",
        finish_reason=draw(TEXTS),
        model=draw(TEXTS),
        input_tokens=draw(COUNTS),
        output_tokens=draw(COUNTS),
        reasoning_tokens=draw(COUNTS),
        token_count=draw(st.integers(0, 9)),
        metadata_json=draw(TEXTS),
        created_at=draw(MOMENTS),
        edited_at=draw(st.none() | MOMENTS),
        added_revision=draw(st.integers(2, 9)),
        revision=draw(st.integers(2, 9)),
    )


@given(st.lists(records(), min_size=1, max_size=4))
def test_they_are_what_the_columns_make_of_the_records(found: list[MessageRecord]) -> None:
    names = ("owner_id", *MessageRecord._fields)
    _, converters = _prepared(Message.__table__, names, dialect())
    made = PlainMessages.of(found)
    owned = [(7, *row) for row in found]
    assert [(7, *row) for row in made.plain] == list(_values(owned, converters))
    assert all(type(row[4]) is int for row in made.plain)


@given(st.lists(records(), min_size=1, max_size=4))
def test_they_can_be_read_as_the_records(found: list[MessageRecord]) -> None:
    made = PlainMessages.of(found)
    assert list(made) == found == [made[place] for place in range(len(made))]
    assert all(type(row.active) is bool for row in made)
    assert list(made[1:]) == found[1:]
    assert PlainMessages.of(made) is made
    assert ids_of(made) == ids_of(found)


@given(st.lists(records(), min_size=1, max_size=3))
def test_joined_they_keep_their_form_only_among_their_like(found: list[MessageRecord]) -> None:
    made = PlainMessages.of(found)
    both = joined([made, made])
    assert isinstance(both, PlainMessages)
    assert list(both) == found + found
    assert joined([made, found]) == found + found
