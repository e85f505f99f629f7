"""Work done by a copy of this process, so that what it loads goes with it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


def apart(job: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Has a copy of this process run a job, and waits for its end.

    Whatever goes wrong there is not told: the job is one that the caller does again, and finds done
    or fails at himself. Where the system makes no copies, or they lack this process's threads, it
    is left to him.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return
    copy = os.fork()
    if copy:
        with suppress(ChildProcessError):  # somebody else has been told already
            os.waitpid(copy, 0)
        return
    # Nothing of what this process would do at its end is the copy's to do.
    try:
        asyncio.run(job())
    finally:
        os._exit(0)
