"""The verb that makes vectors of everything stored: embed."""

from __future__ import annotations

import typer

from backend.cli.progress import steps
from backend.cli.running import FAILED, one_line_failures, ready, run, say, services_of, settings_of
from backend.config import PREFIX, Settings
from backend.errors import ConfigurationError
from backend.services.embedders import check_embedder
from backend.services.embedding_keeper import EmbeddingLag


def embed() -> None:
    """Make the vectors that are missing, for search by meaning; a server may run meanwhile.

    Interrupted, it goes on where it was. Exit code 1 where the model refused messages.
    """
    with one_line_failures():
        settings = settings_of()
        check_embedder(settings)
        if not settings.embedder:
            raise ConfigurationError(f"{PREFIX}EMBEDDER: no embedder is configured")
    lag = run(_embedded(settings))
    if lag.refused:
        say(f"The model refused {lag.refused} pieces; they are tried again now and then.")
        raise typer.Exit(FAILED)
    say(f"Everything has its vector of {lag.model}.")


async def _embedded(settings: Settings) -> EmbeddingLag:
    await ready(settings)
    async with services_of(settings) as services:
        with steps() as progress:
            progress.begin("embed")

            def told(done: int, total: int) -> None:
                progress.show(done, total, f"{done} of {total} pieces")

            return await services.embedding.finish(told)
