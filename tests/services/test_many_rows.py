"""Many rows at once are stored as few would be."""

from __future__ import annotations

from backend.database.database import Database
from backend.repositories.many_rows import LIGHT, TOGETHER
from backend.repositories.records import MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.import_rows import conversation_rows
from tests.services.test_search import problems
from tests.support.documents import chain
from tests.support.imports import counts
from tests.support.statements import Statements

COUNT = 2 * TOGETHER + 7


async def stored(store: Store, viewer: Viewer, conversation_id: str) -> list[MessageRecord]:
    """All messages of a conversation."""
    async with store.read(viewer) as unit:
        return await unit.imports.messages_of(conversation_id)


def inserts(statements: Statements) -> list[int]:
    """Of each statement that stores messages, how many rows it names."""
    chosen = [each.sql for each in statements.seen if each.sql.startswith("INSERT INTO messages ")]
    return [sql.count("), (") + 1 for sql in chosen]


async def test_rows_of_many_are_those_of_one(
    services: Services, store: Store, database: Database, statements: Statements, viewer: Viewer
) -> None:
    document = chain(*map(str, range(COUNT)))
    # A value that the first row, which all but tells that a column is empty, has not.
    document.messages[-1].model = "some-model"
    statements.clear()
    assert counts(await services.imports.run(viewer, [document])) == (1, 0, 0, COUNT)
    assert inserts(statements) == ([TOGETHER, 1] if database.dialect == "sqlite" else [1])
    rows = conversation_rows(document)
    assert await stored(store, viewer, rows.conversation.id) == list(rows.messages)


async def test_long_texts_are_not_held_twice(
    services: Services, store: Store, statements: Statements, viewer: Viewer
) -> None:
    document = chain(*map(str, range(TOGETHER)))
    for message in document.messages:
        message.parts[:] = [{"type": "text", "text": message.id + "x" * LIGHT}]
    statements.clear()
    assert counts(await services.imports.run(viewer, [document])) == (1, 0, 0, TOGETHER)
    assert inserts(statements) == [1]
    rows = conversation_rows(document)
    assert await stored(store, viewer, rows.conversation.id) == list(rows.messages)


async def test_one_that_is_refused_takes_nothing_of_the_others_with_it(
    services: Services, store: Store, viewer: Viewer
) -> None:
    first = chain(*map(str, range(TOGETHER)), external_id="c0")
    others = [
        chain(*(f"{n}" for n in range(TOGETHER)), external_id=f"c{place}", index=place)
        for place in (1, 2)
    ]
    taken = conversation_rows(first)
    mine = conversation_rows(others[0])
    async with store.write(viewer) as unit:
        row = mine.messages[5]._replace(
            conversation_id=taken.conversation.id,
            parent_id=taken.messages[-1].id,
            position=TOGETHER + 1,
            added_revision=TOGETHER + 2,
            revision=TOGETHER + 2,
        )
        taken = taken.__class__(
            taken.conversation, [*taken.messages, row], taken.tags, [], [], row.id
        )
        await unit.imports.insert([taken])
    report = await services.imports.run(viewer, others)
    assert counts(report) == (1, 0, 1, TOGETHER)
    assert f"Its message {row.id} is stored in conversation" in report.failures[0].reason
    async with store.read(viewer) as unit:
        assert len(await unit.exports.ids_after(None, 10)) == 2
    whole = conversation_rows(others[1]).conversation.id
    assert not any(whole in line for line in await problems(services))
