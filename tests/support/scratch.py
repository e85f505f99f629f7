"""Where tests keep their files."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

ENOUGH = 1 << 30
"""Bytes that must be free for the memory file system to be used; containers often give it less."""


def scratch_root() -> Path:
    """A folder in memory where the machine has one, for files that are written and thrown away."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= ENOUGH:
        return memory
    return Path(tempfile.gettempdir())
