"""The vocabulary that tokens are counted by, loaded when the first text is written."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from backend.utils.tokens import is_loaded, load_encoding

# Its thread begins with the first text. A pool of several would begin one for everybody who comes
# while the vocabulary is loaded, to wait for it.
_loader = ThreadPoolExecutor(1, "vocabulary")


async def ready_to_count() -> None:
    """Loads it in a thread, so that nobody else waits for it; a server that is only read from
    never takes the time and the 40 MB."""
    if not is_loaded():
        await asyncio.get_running_loop().run_in_executor(_loader, load_encoding)
