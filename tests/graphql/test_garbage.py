"""What a request made is gone with it: nothing of ours waits for the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from backend.config import Settings
from benchmarks.requests import APPEND, INBOX, LIST, THREAD
from tests.support.apps import ask, client_of, running_app

TIMES = 10
CREATE = "mutation { createConversation(input: {}) { conversation { id } } }"


@pytest.fixture
def garbage() -> Iterator[Callable[[], Counter[str]]]:
    """Objects of ours that only the garbage collector would have found, by their types."""

    def found() -> Counter[str]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [each for each in gc.garbage if _module(each).startswith("backend.")]
        names = Counter(f"{_module(each)}.{type(each).__name__}" for each in ours)
        # What was kept to be looked at goes now, or it would be found again.
        del ours
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()
        return names

    gc.disable()
    yield found
    gc.enable()


def _module(found: object) -> str:
    """Where an object's type, or a function, was written."""
    if type(found) in weakref.ProxyTypes:
        return "weakref"  # What it stands for may be gone, and then it answers nothing.
    return str(getattr(found, "__module__", None) or type(found).__module__)


async def test_requests_leave_no_cycles(
    settings: Settings, garbage: Callable[[], Counter[str]]
) -> None:
    async with running_app(settings) as app, client_of(app) as client:
        made = await ask(client, CREATE)
        place = made["data"]["createConversation"]["conversation"]["id"]
        text = {"conversationId": place, "role": "USER", "content": "Said."}
        requests: dict[str, dict[str, object]] = {
            APPEND: {"input": text},
            THREAD: {"id": place},
            LIST: {},
            INBOX: {},
        }
        for query, variables in requests.items():
            for _ in range(2):  # what is made once is made by then
                assert "errors" not in await ask(client, query, **variables)
            garbage()
            for _ in range(TIMES):
                await ask(client, query, **variables)
            # Of what ends by itself now and then there is less than one a request.
            assert {name: n for name, n in garbage().items() if n >= TIMES} == {}, query
