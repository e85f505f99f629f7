"""The vocabulary is loaded once, however many write the first text."""

from __future__ import annotations

import subprocess
import sys

from tests.support.servers import ROOT

# Threads that have been there at all, and the vocabulary's patterns, compiled before it is used.
PROGRAM = """
import asyncio, threading
from backend.services.counting import ready_to_count
from backend.utils import tokens
counted = []
count_each = tokens._Encoding.count_each
def noted(self, texts):
    counted.append(tokens.is_loaded())
    return count_each(self, texts)
tokens._Encoding.count_each = noted
async def many():
    await asyncio.gather(*(ready_to_count() for _ in range(16)))
asyncio.run(many())
print(threading.active_count(), counted, tokens.is_loaded())
"""


def test_one_thread_loads_it_for_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "2 [False] True\n"
