"""Search: what is stored is found in the next request, what is gone is not, whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from backend.database.database import Database
from backend.errors import Invalid
from backend.models import Owner
from backend.repositories.store import Store
from backend.retrieval.packs import unpacked
from backend.retrieval.postings import Run, decode
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges
from backend.services.indexing import flush
from backend.services.lexical import SearchFilter
from backend.services.messages import MessageChanges
from tests.support.conversations import message_draft, say, stored_conversation
from tests.support.postings import part_rows
from tests.support.statements import Statements, counted


async def found(services: Services, viewer: Viewer, query: str, **asked: Any) -> list[str]:
    """The texts that are found, best first."""
    page = await services.search.search(viewer, query, **asked)
    return [hit.message.content for hit in page.rows]


async def flush_now(store: Store, viewer: Viewer) -> int:
    """Makes a segment of what waits, however little it is."""
    async with store.write(viewer) as unit:
        return await flush(unit.segments)


async def problems(services: Services) -> list[str]:
    """What is wrong with what is stored."""
    return [line async for line in services.checks.problems()]


async def held_terms(database: Database) -> set[str]:
    """Every term that any table of the index holds."""
    async with database.read() as connection:
        waiting = await connection.scalars(sa.text("SELECT terms FROM search_pending"))
        rows = await connection.execute(sa.text("SELECT term, 0, data FROM search_postings"))
        runs = [run for row in rows for run in unpacked(Run(*row))]
        return {
            *(term for joined in waiting for term in joined.split()),
            *(run.term for run in runs if len(decode([run.data]))),
        }


@pytest.fixture(params=["waiting", "in a segment"])
def flushed(request: pytest.FixtureRequest) -> bool:
    """Whether chunks wait or are in a segment."""
    return bool(request.param == "in a segment")


async def test_found_in_the_next_request(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "The zebra crossed the road.")
    assert await found(services, viewer, "zebras") == ["The zebra crossed the road."]


async def test_hit_shows_where_and_why(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "word " * 900 + "a zébra here " + "word " * 900)
    [hit] = (await services.search.search(viewer, "zebra")).rows
    [(start, end)] = hit.highlights
    assert hit.snippet[start:end] == "zébra"
    assert (hit.lexical_rank, hit.semantic_rank) == (1, None)


async def test_edited_text_is_gone(
    services: Services, store: Store, database: Database, viewer: Viewer, flushed: bool
) -> None:
    chat = await stored_conversation(services, viewer)
    [message] = await say(services, viewer, chat.id, "zebra")
    if flushed:
        assert await flush_now(store, viewer) == 1
    await services.messages.update(viewer, message.id, MessageChanges(content="giraffe"))
    assert await found(services, viewer, "zebra") == []
    assert await found(services, viewer, "giraffe") == ["giraffe"]
    assert "zebra" not in await held_terms(database)
    assert await problems(services) == []


async def test_deleted_text_is_gone(
    services: Services, store: Store, database: Database, viewer: Viewer, flushed: bool
) -> None:
    chat = await stored_conversation(services, viewer)
    _, other = await say(services, viewer, chat.id, "zebra", "giraffe")
    if flushed:
        await flush_now(store, viewer)
    await services.messages.delete(viewer, other.id)
    assert await found(services, viewer, "giraffe") == []
    assert "giraf" not in await held_terms(database)
    assert await problems(services) == []
    await services.conversations.delete(viewer, chat.id)
    assert await held_terms(database) == set()
    assert await problems(services) == []


async def test_streamed_text_is_found_once_finished(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    draft = message_draft(None, "assistant")
    message = await services.streaming.start(viewer, chat.id, draft)
    await services.streaming.append(viewer, message.id, 0, "zebra")
    assert await found(services, viewer, "zebra") == []
    await services.streaming.finish(viewer, message.id)
    assert await found(services, viewer, "zebra") == ["zebra"]
    assert await problems(services) == []


async def test_fork_is_found_too(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    [message] = await say(services, viewer, chat.id, "zebra")
    await services.conversations.fork(viewer, message.id)
    assert await found(services, viewer, "zebra") == ["zebra", "zebra"]


async def test_nobody_elses(
    services: Services, store: Store, viewer: Viewer, other_viewer: Viewer, flushed: bool
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "zebra")
    theirs = await stored_conversation(services, other_viewer)
    await say(services, other_viewer, theirs.id, "a zebra of theirs")
    if flushed:
        await flush_now(store, viewer)
        await flush_now(store, other_viewer)
    assert await found(services, other_viewer, "zebra") == ["a zebra of theirs"]
    chosen = SearchFilter(conversation_ids=(chat.id,))
    assert await found(services, other_viewer, "zebra", chosen=chosen) == []
    assert await found(services, Viewer(owner_id="nobody", name="?"), "zebra") == []


async def test_filters(services: Services, viewer: Viewer, flushed: bool, store: Store) -> None:
    early = datetime(2020, 1, 1, tzinfo=UTC)
    one = await stored_conversation(services, viewer, tags=["animals"])
    two = await stored_conversation(services, viewer)
    said = [
        message_draft("zebra one", created_at=early),
        message_draft("zebra two", "assistant", created_at=early + timedelta(days=9)),
    ]
    await services.messages.add(viewer, one.id, said)
    await say(services, viewer, two.id, "zebra three")
    await services.conversations.update(viewer, two.id, ConversationChanges(archived=True))
    if flushed:
        await flush_now(store, viewer)

    async def those(**values: Any) -> set[str]:
        texts = await found(services, viewer, "zebra", chosen=SearchFilter(**values))
        return {text.removeprefix("zebra ") for text in texts}

    assert await those() == {"one", "two", "three"}
    assert await those(conversation_ids=(one.id,)) == {"one", "two"}
    assert await those(conversation_ids=()) == set()
    assert await those(excluded_conversation_ids=(one.id,)) == {"three"}
    assert await those(roles=("assistant",)) == {"two"}
    assert await those(after=early) == {"two", "three"}
    assert await those(before=early + timedelta(days=1)) == {"one"}
    assert await those(tags=("animals",)) == {"one", "two"}
    assert await those(tags=("animals", "none")) == set()
    assert await those(include_archived=False) == {"one", "two"}


async def test_phrases_and_exclusions(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "red zebra", "zebra red", "a zebra of foo_bar")
    assert await found(services, viewer, '"red zebra"') == ["red zebra"]
    assert set(await found(services, viewer, "zebra -red")) == {"a zebra of foo_bar"}
    assert (await found(services, viewer, "foo_bar"))[0] == "a zebra of foo_bar"


async def test_pages_do_not_see_what_is_written_between_them(
    services: Services, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, *(f"zebra {'and ' * n}{n}" for n in range(30)))
    whole = await found(services, viewer, "zebra", first=200)
    seen: list[str] = []
    after = None
    while True:
        page = await services.search.search(viewer, "zebra", first=7, after=after)
        seen += [hit.message.content for hit in page.rows]
        await say(services, viewer, chat.id, "zebra zebra", "of something else")
        if not page.has_next:
            break
        after = page.rows[-1].cursor
    assert seen == whole
    assert len(whole) == 30


async def test_page_goes_on_where_its_last_hit_was_deleted(
    services: Services, viewer: Viewer
) -> None:
    """Each in a chat of its own, for a deletion changes what stands around the others."""
    for number in range(6):
        chat = await stored_conversation(services, viewer)
        await say(services, viewer, chat.id, f"zebra {'and ' * number}{number}")
    whole = await found(services, viewer, "zebra")
    first = await services.search.search(viewer, "zebra", first=3)
    last = first.rows[-1]
    await services.messages.delete(viewer, last.message.id)
    assert await found(services, viewer, "zebra", after=last.cursor) == whole[3:]


async def test_cursor_of_another_search_is_refused(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "zebra")
    [hit] = (await services.search.search(viewer, "zebra")).rows
    with pytest.raises(Invalid, match="another search"):
        await services.search.search(viewer, "giraffe", after=hit.cursor)


@pytest.mark.parametrize(
    "query",
    ["", "   ", "\0", '"', '""""', "-", "-zebra", "NOT AND OR NEAR(", "*", "%_\\", "🦓", "the of",
     "'; DROP TABLE messages; --", "zebra " * 200_000, "\u0001r:user", "a:b^c(d)", "\ud800"],
)  # fmt: skip
async def test_hostile_queries_get_an_answer(
    services: Services, viewer: Viewer, query: str
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "The zebra crossed")
    assert await found(services, viewer, query) in ([], ["The zebra crossed"])


async def test_old_messages_are_taken_in(services: Services, store: Store, viewer: Viewer) -> None:
    store.before_commit = None
    chat = await stored_conversation(services, viewer, messages=450)
    store.before_commit = services.indexing.write
    assert len(await problems(services)) == 450
    assert await services.upkeep.everything() == 450
    assert await services.upkeep.everything() == 0
    assert await problems(services) == []
    assert (await found(services, viewer, "449"))[0] == "449"
    await services.conversations.delete(viewer, chat.id)
    assert await problems(services) == []


async def test_a_start_looks_at_those_with_older_messages_alone(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    store.before_commit = None
    await stored_conversation(services, viewer, messages=3)
    store.before_commit = services.indexing.write
    with counted(database) as statements:
        await services.upkeep.left_undone()
    assert not [each for each in statements.seen if "messages" in each.sql]
    assert len(await problems(services)) == 3
    async with database.write() as connection:
        await connection.execute(sa.update(Owner).values(is_indexed=False))
    await services.upkeep.left_undone()
    assert await problems(services) == []
    async with database.read() as connection:
        assert list(await connection.scalars(sa.select(Owner.is_indexed))) == [True]


async def test_segments_are_merged(services: Services, store: Store, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    for number in range(9):
        await say(services, viewer, chat.id, *(f"zebra {number} {n}" for n in range(5)))
        await flush_now(store, viewer)
    whole = await found(services, viewer, "zebra")
    async with store.write(viewer) as unit:
        owner_id = unit.owner_id
    await services.upkeep.tidy(owner_id)
    async with store.write(viewer) as unit:
        assert len(await unit.segments.ready()) < 8
    assert await found(services, viewer, "zebra") == whole
    assert await problems(services) == []


async def test_check_finds_what_is_wrong(
    services: Services, store: Store, database: Database, viewer: Viewer, flushed: bool
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "zebra")
    if flushed:
        await flush_now(store, viewer)
        await part_rows(database)
    async with database.write() as connection:
        if flushed:
            await connection.execute(sa.text("DELETE FROM search_postings WHERE term = 'zebra'"))
        else:
            await connection.execute(sa.text("UPDATE search_pending SET terms = 'other'"))
    assert "does not hold what it says" in (await problems(services))[0]


async def test_an_append_takes_three_statements_for_the_index_at_any_length(
    services: Services, statements: Statements, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    counts = []
    for _ in range(3):
        statements.clear()
        await say(services, viewer, chat.id, "zebra")
        counts.append(len([each for each in statements.seen if "search_" in each.sql]))
    # An owner's first finds no index, after which it is made.
    assert counts == ([7, 1, 1] if services.store.database.dialect == "postgresql" else [5, 3, 3])
