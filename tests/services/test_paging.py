"""What clients send as cursors, on its way to the repositories."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.repositories.pages import encode_cursor
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.paging import (
    conversation_cursors,
    conversation_order,
    conversation_window,
    message_cursor,
    message_window,
)
from tests.support.conversations import active_branch, stored_conversation

BY_TITLE = conversation_order("title", descending=False)
BY_ACTIVITY = conversation_order("last_activity", descending=True)


SOME_ID = "01930000-0000-7000-8000-00000000000a"


def forged(letter: str, *key: Any) -> str:
    """A cursor as ours are made, with any key."""
    return base64.urlsafe_b64encode(f"1{letter}".encode() + orjson.dumps(key)).decode().rstrip("=")


async def test_cursors_lead_back_to_their_rows(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    (message,) = await active_branch(store, viewer, made.id)
    for order in (BY_TITLE, BY_ACTIVITY):
        window = conversation_window(order, after=conversation_cursors(order)(made))
        assert window.after == order.key(made)
    assert message_window(before=message_cursor(message)).before == (message.added_revision,)


@pytest.mark.parametrize(
    "cursor",
    [
        forged("A", "2026-01-01T00:00:00Z", "no uuid"),
        forged("A", "2026-01-01T00:00:00Z", SOME_ID.upper()),
        forged("A", "2026-01-01T00:00:00", SOME_ID),
        forged("A", "0001-01-01T00:00:00+14:00", SOME_ID),
        forged("A", "yesterday", SOME_ID),
        forged("A", 1, SOME_ID),
        forged("t", "a title", SOME_ID),
        "",
    ],
)
def test_forged_cursor_is_refused_by_the_name_of_its_argument(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        conversation_window(BY_ACTIVITY, after=cursor)
    assert refused.value.field == ("after",)


@given(value=st.text() | st.integers() | st.none(), row_id=st.text())
def test_any_key_is_taken_or_refused(value: Any, row_id: str) -> None:
    try:
        cursor = forged("t", value, row_id)
    except orjson.JSONEncodeError:
        return
    try:
        window = conversation_window(BY_TITLE, before=cursor)
    except Invalid:
        return
    assert window.before == (value, row_id)


def test_page_before_a_cursor_is_the_one_right_before_it() -> None:
    window = message_window(before=encode_cursor("m", 7))
    assert window.backward
    assert window.size == 50
