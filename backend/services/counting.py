"""The vocabulary that tokens are counted by, loaded when the first text is written."""

from __future__ import annotations

import anyio.to_thread

from backend.utils.tokens import is_loaded, load_encoding


async def ready_to_count() -> None:
    """Loads it in a thread, so that nobody else waits for it; a server that is only read from
    never takes the time and the 40 MB."""
    if not is_loaded():
        await anyio.to_thread.run_sync(load_encoding)
