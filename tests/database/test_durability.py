"""What was acknowledged is there, however the process ended."""

from __future__ import annotations

import pytest

from backend.config import Settings
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from tests.support.conversations import contents
from tests.support.invariants import sound_conversation
from tests.support.postgresql import left_alone
from tests.support.processes import python_module, read_line

ENOUGH = 25


@pytest.mark.parametrize("writers", [1, 8])
async def test_acknowledged_writes_survive_a_killed_process(
    settings: Settings, store: Store, writers: int
) -> None:
    given = (settings.database_url, str(writers))
    with python_module("tests.database.writing_process", *given) as process:
        conversation_id = read_line(process)
        acknowledged = [read_line(process) for _ in range(ENOUGH)]
        process.kill()
        assert process.stdout is not None
        acknowledged += process.stdout.read().splitlines()
    await left_alone(settings.database_url)
    stored = await sound_conversation(store, LOCAL_VIEWER, conversation_id)
    said = contents(stored.active)
    assert set(acknowledged) <= set(said)
    # Each writer may have committed one more than the process lived to tell.
    assert len(said) - len(acknowledged) <= writers
    if writers == 1:
        assert said[: len(acknowledged)] == acknowledged
