"""Memory that was freed and that the process still holds.

The C library keeps what is freed for the next who asks. After a step that needed much for a moment
that is tens of megabytes which nobody asks for again.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> bool:
    """Hands freed memory to the system; whether the C library knows how to (glibc does).

    It takes some milliseconds, without holding the interpreter's lock.
    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(ctypes.c_size_t(0)))
