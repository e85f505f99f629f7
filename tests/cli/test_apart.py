"""What migrates goes with the copy of the process that did it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.databases import Databases
from tests.support.servers import ROOT

PROGRAM = """
import asyncio, sys, threading
from backend.cli.running import is_behind
from backend.cli.serving import prepare
from backend.config import load_settings
settings = load_settings(database_url=sys.argv[1])
behind = asyncio.run(is_behind(settings))
prepare(settings)
again = asyncio.run(is_behind(settings))
for each in threading.enumerate():
    if each is not threading.current_thread():
        each.join(60)  # It was told to end.
print(behind, again, "alembic" in sys.modules, threading.active_count())
"""
FAILING = """
from backend.cli.apart import apart
async def job():
    raise SystemExit(3)
apart(job)
print("here")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere this process migrates by itself")
def test_a_server_that_makes_its_database_has_nothing_of_alembic(databases: Databases) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, databases.empty()],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "True False False 1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is done apart")
def test_what_fails_in_the_copy_is_not_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("here\n", "")
