"""Announcements between processes, and the choice of the bus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConfigurationError
from backend.events.announcements import decode, encode
from backend.events.bus import LocalBus
from backend.events.changes import ConversationChanged
from backend.events.open import open_bus
from backend.events.redis import RedisBus
from tests.support.databases import settings_for

NUMBERS = st.integers(0, 2**53)
CHANGES = st.lists(st.builds(ConversationChanged, NUMBERS, st.uuids().map(str), NUMBERS, NUMBERS))


@given(CHANGES)
def test_others_read_what_was_written_and_the_sender_nothing(
    changes: list[ConversationChanged],
) -> None:
    text = encode("one", changes)
    assert decode("two", text) == decode("two", text.encode()) == changes
    assert decode("one", text) == []


@given(st.one_of(st.text(), st.binary(), st.just('["a",[[1]]]'), st.just('["a",7]')))
def test_what_is_damaged_says_nothing(payload: str | bytes) -> None:
    assert decode("two", payload) == []


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("local:", LocalBus),
        ("redis://host:1/2", RedisBus),
        ("rediss://host", RedisBus),
        ("unix:///run/redis", RedisBus),
    ],
)
async def test_the_settings_choose_the_bus(url: str, kind: type[LocalBus]) -> None:
    bus = open_bus(settings_for("sqlite:///x.db", events_url=url), LocalBus)
    assert type(bus) is kind
    await bus.close()


def test_without_a_setting_the_database_carries_them() -> None:
    own = LocalBus()
    assert open_bus(settings_for("sqlite:///x.db"), lambda: own) is own


def test_another_address_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="CONVERSA_EVENTS_URL"):
        open_bus(settings_for("sqlite:///x.db", events_url="http://host"), LocalBus)
