"""Verbs around search: search, reindex."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from backend.cli.progress import steps
from backend.cli.running import one_line_failures, ready, run, say, services_of, settings_of
from backend.config import Settings
from backend.limits import PAGE_SIZE
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services.search import HitPage, SearchHit
from backend.services.semantic import SearchMode


class Mode(StrEnum):
    """What a search goes by."""

    lexical = "lexical"
    semantic = "semantic"
    hybrid = "hybrid"


MODES: dict[Mode, SearchMode] = {
    Mode.lexical: "lexical",
    Mode.semantic: "semantic",
    Mode.hybrid: "hybrid",
}


def search(
    query: Annotated[str, typer.Argument(help='Words, "exact words", -word.')],
    first: Annotated[
        int, typer.Option(min=1, max=PAGE_SIZE, help="How many messages to show.")
    ] = 10,
    mode: Annotated[
        Mode, typer.Option(help="By words, by meaning (which needs an embedder), or by both.")
    ] = Mode.hybrid,
    owner: Annotated[str, typer.Option(help="Whose chats.")] = LOCAL_VIEWER.owner_id,
) -> None:
    """Find messages by what they say."""
    with one_line_failures():
        settings = settings_of()
    page = run(_found(settings, Viewer(owner_id=owner, name=owner), query, first, MODES[mode]))
    for hit in page.rows:
        for line in _lines(hit):
            typer.echo(line)
    if not page.rows:
        say("Nothing was found.")
    if page.mode != mode and settings.embedder:
        say("By words alone: the embedder cannot be asked now.")


def reindex() -> None:
    """Take messages into the search index that are not in it, and tidy it."""
    with one_line_failures():
        settings = settings_of()
    done = run(_reindexed(settings))
    say("1 message." if done == 1 else f"{done} messages.")


async def _found(
    settings: Settings, viewer: Viewer, query: str, first: int, mode: SearchMode
) -> HitPage:
    await ready(settings)
    async with services_of(settings) as services:
        return await services.search.search(viewer, query, first=first, mode=mode)


async def _reindexed(settings: Settings) -> int:
    await ready(settings)
    async with services_of(settings) as services:
        with steps() as progress:
            progress.begin("reindex")

            def told(done: int) -> None:
                progress.show(done, None, f"{done} messages")

            return await services.upkeep.everything(told)


def _lines(hit: SearchHit) -> Iterator[str]:
    message = hit.message
    moment = message.created_at.isoformat(timespec="minutes")
    yield f"{moment}  {message.name or message.role}  {message.conversation_id}/{message.id}"
    yield "    " + " ".join(hit.snippet.split())
