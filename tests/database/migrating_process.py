"""Migrates a database when told to: a process that a test starts several of."""

from __future__ import annotations

import asyncio
import sys

from backend.database.migrate import migrate
from tests.support.databases import settings_for

if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    changed = asyncio.run(migrate(settings_for(sys.argv[1])))
    sys.stdout.write(f"{changed}\n")
