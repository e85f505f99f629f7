"""A short storm: servers are killed, lines are cut, and every follower hears everything once."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import Settings
from tests.live.storm import complaints, storm_over
from tests.support.servers import running_servers

SECONDS = 12.0
SERVERS = 2
WRITERS = 3
FOLLOWERS = 4


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_message_once_and_in_order_for_every_follower(
    settings: Settings, tmp_path: Path
) -> None:
    async with running_servers(settings.database_url, tmp_path, SERVERS) as servers:
        storm, heard = await storm_over(
            servers, seconds=SECONDS, writers=WRITERS, followers=FOLLOWERS, kill_every=4
        )
        assert "Traceback" not in "".join(server.log_text() for server in servers)
    assert complaints(storm, heard) == []
    assert storm.acknowledged
    assert storm.breaks["killed"] >= 1
    assert len(heard) == FOLLOWERS
