"""A little of `make fuzz` in every run of the tests: nothing strange breaks the server."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from backend.config import Settings
from tests.fuzz.mutations import anything
from tests.fuzz.targets import TARGETS
from tests.fuzz.world import running_world

EXAMPLES = int(os.environ.get("EXAMPLES", "30"))


@pytest.mark.timeout(240 + EXAMPLES)
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_strange_breaks_it(name: str, settings: Settings) -> None:
    target = TARGETS[name]
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        world = running_world(settings)
        there = runner.run(world.__aenter__())

        @examples(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
        @given(anything(target.seeds))
        def feed(data: bytes) -> None:
            runner.run(_fed(data))

        async def _fed(data: bytes) -> None:
            await target.feed(there, data)

        try:
            for seed in target.seeds:
                runner.run(_fed(seed))
            feed()
        finally:
            runner.run(world.__aexit__(None, None, None))
