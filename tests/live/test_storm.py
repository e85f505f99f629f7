"""A short storm: servers are killed, lines are cut, and every follower hears everything once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import Settings
from tests.live.followers import TRANSPORTS
from tests.live.storm import complaints, storm_over
from tests.support.redis import RedisServer, redis_server
from tests.support.servers import running_servers

SECONDS = 7.0
SERVERS = 2
WRITERS = 3
FOLLOWERS = len(TRANSPORTS)


@pytest.fixture
def bus(settings: Settings, tmp_path: Path) -> Iterator[RedisServer | None]:
    """What wakes the servers up: PostgreSQL itself, and beside SQLite one that is down half of the
    time. Either database with either is what the storm takes as options."""
    if settings.database_url.startswith("postgresql"):
        yield None
        return
    with redis_server(tmp_path) as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_message_once_and_in_order_for_every_follower(
    settings: Settings, tmp_path: Path, bus: RedisServer | None
) -> None:
    events = {"EVENTS_URL": bus.url} if bus else {}
    async with running_servers(settings.database_url, tmp_path, SERVERS, **events) as servers:
        storm, heard = await storm_over(
            servers,
            seconds=SECONDS,
            writers=WRITERS,
            followers=FOLLOWERS,
            kill_every=3,
            bus=bus,
        )
        assert "Traceback" not in "".join(server.log_text() for server in servers)
    assert complaints(storm, heard) == []
    assert storm.acknowledged
    assert storm.breaks["killed"] >= 1
    assert bool(storm.breaks["bus down"]) == (bus is not None)
    assert len(heard) == FOLLOWERS
