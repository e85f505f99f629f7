"""What was acknowledged is there, however the process ended."""

from __future__ import annotations

from backend.config import Settings
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from tests.support.conversations import contents
from tests.support.invariants import sound_conversation
from tests.support.processes import python_module, read_line

ENOUGH = 25


async def test_acknowledged_writes_survive_a_killed_process(
    settings: Settings, store: Store
) -> None:
    with python_module("tests.database.writing_process", settings.database_url) as process:
        conversation_id = read_line(process)
        acknowledged = [read_line(process) for _ in range(ENOUGH)]
        process.kill()
        assert process.stdout is not None
        acknowledged += process.stdout.read().splitlines()
    stored = await sound_conversation(store, LOCAL_VIEWER, conversation_id)
    # One more may have been committed than the process lived to tell.
    assert contents(stored.active)[: len(acknowledged)] == acknowledged
    assert len(stored.active) - len(acknowledged) <= 1
