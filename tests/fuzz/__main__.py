"""`python -m tests.fuzz ENGINE TARGET SECONDS`: feeds one target until the time is up.

ENGINE is hypothesis, or atheris, which looks at what code an input reaches. SQLite, in a new file.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
from hypothesis import HealthCheck, given, seed, settings

with atheris.instrument_imports(include=["backend"]):
    from tests.fuzz.mutations import anything
    from tests.fuzz.targets import TARGETS
    from tests.fuzz.world import running_world
    from tests.support.databases import SqliteDatabases, settings_for

from tests.fuzz.progress import Progress

BATCH = 200


def run_hypothesis(seeds: tuple[bytes, ...], feed: Callable[[bytes], None], over: Progress) -> None:
    """Batches of examples, each from another seed."""
    number = 0
    while not over.is_over:
        number += 1
        fed = seed(number)(
            given(anything(seeds))(lambda data: None if over.is_over else feed(data))
        )
        quiet = list(HealthCheck)
        settings(max_examples=BATCH, deadline=None, suppress_health_check=quiet, database=None)(
            fed
        )()


def run_atheris(
    seeds: tuple[bytes, ...], feed: Callable[[bytes], None], seconds: int, folder: Path
) -> None:
    """Leaves the process when the time is up, as the library does."""
    for number, each in enumerate(seeds):
        (folder / str(number)).write_bytes(each)
    options = (
        f"-max_total_time={seconds}",
        f"-artifact_prefix={tempfile.gettempdir()}/",
        "-max_len=4096",
        "-rss_limit_mb=2048",
        "-timeout=60",
    )
    atheris.Setup([sys.argv[0], *options, str(folder)], feed)
    atheris.Fuzz()


def main(engine: str, name: str, seconds: int) -> None:
    """One run; a failure shows the input."""
    logging.disable(logging.WARNING)
    target, progress = TARGETS[name], Progress(f"{engine} {name}", seconds)
    with tempfile.TemporaryDirectory() as folder:
        url = SqliteDatabases(Path(folder)).clone()
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            running = running_world(settings_for(url, synchronous="normal"))
            world = runner.run(running.__aenter__())

            def feed(data: bytes) -> None:
                runner.run(_fed(data))
                progress.count()

            async def _fed(data: bytes) -> None:
                await target.feed(world, data)

            if engine == "atheris":
                run_atheris(target.seeds, feed, seconds, corpus)
            else:
                run_hypothesis(target.seeds, feed, progress)
                progress.tell()
            runner.run(running.__aexit__(None, None, None))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
