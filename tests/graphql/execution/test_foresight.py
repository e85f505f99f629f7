"""What a field above reads for one below it, and that the answer is the same."""

from __future__ import annotations

import pytest

from backend.repositories.pages import encode_cursor
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.graphql.execution.running import Both
from tests.support.conversations import active_branch, stored_conversation
from tests.support.statements import Statements

PAGE = "edges { cursor node { id content createdAt } } pageInfo { hasPreviousPage startCursor }"


def thread(messages: str, more: str = "") -> str:
    """An operation that opens a conversation."""
    types = {"id": "ID!", "size": "Int", "roles": "[Role!]"}
    given = ", ".join(
        f"${name}: {kind}" for name, kind in types.items() if name == "id" or f"${name}" in messages
    )
    return f"query Open({given}) {{ conversation(id: $id) {{ {messages} {more} }} }}"


FORESEEN = [
    thread(f"title messages(last: 2) {{ {PAGE} }}"),
    thread(f"title messages(last: $size) {{ {PAGE} }}"),
    thread("messages { totalCount nodes { content } }", "id"),
    thread("messages(roles: $roles) { nodes { content role } }"),
    thread("... { messages(first: 1) { nodes { content } } messages(first: 1) { totalCount } }"),
]
NOT_ALL_FORESEEN = [
    (thread("a: messages(last: 1) { nodes { content } } b: messages(last: 2) { nodes { id } }"), 1),
    (thread("messages(last: 1) { nodes { content } }", "tags"), 1),
]


async def counted(
    services: Services, viewer: Viewer, statements: Statements, text: str, **variables: object
) -> int:
    """How many statements an operation takes; its answer is graphql-core's."""
    both = Both(services, viewer)
    statements.clear()
    compiled = await both.answer(both.compiled, text, variables)
    count = statements.count
    assert both.compiled.execution.compiled == 1
    assert await both.answer(both.reference, text, variables) == compiled
    return count


@pytest.mark.parametrize("text", FORESEEN)
async def test_opening_a_conversation_is_one_read(
    services: Services, viewer: Viewer, statements: Statements, text: str
) -> None:
    made = await stored_conversation(services, viewer, messages=5)
    least = 1 if services.store.database.parallel_reads else 2
    given = {"id": made.id, "size": 3, "roles": ["USER"]}
    counting = int("totalCount" in text and "roles" in text)
    assert await counted(services, viewer, statements, text, **given) == least + counting


@pytest.mark.parametrize(("text", "more"), NOT_ALL_FORESEEN)
async def test_what_is_not_foreseen_is_read_as_always(
    services: Services, viewer: Viewer, statements: Statements, text: str, more: int
) -> None:
    made = await stored_conversation(services, viewer, messages=5, tags=("a",))
    least = 1 if services.store.database.parallel_reads else 2
    given = {"id": made.id, "size": 3, "roles": None}
    assert await counted(services, viewer, statements, text, **given) == least + more


async def test_several_conversations_are_still_read_together(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    ids = [(await stored_conversation(services, viewer, messages=3)).id for _ in range(4)]
    fields = " ".join(
        f'c{number}: conversation(id: "{each}") {{ title messages(last: 2) {{ {PAGE} }} }}'
        for number, each in enumerate(ids)
    )
    assert await counted(services, viewer, statements, f"{{ {fields} }}") == 2


async def test_around_a_message_nothing_is_foreseen(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=5)
    rows = await active_branch(services.store, viewer, made.id)
    text = thread(f'messages(around: "{rows[2].id}", first: 3) {{ nodes {{ content }} }}')
    both = Both(services, viewer)
    given = {"id": made.id}
    compiled = await both.answer(both.compiled, text, given)
    assert compiled == await both.answer(both.reference, text, given)
    assert [f'"{number}"'.encode() in compiled for number in range(1, 6)] == [
        False, True, True, True, False
    ]  # fmt: skip


OTHER_ORDER = encode_cursor("t", 1)


@pytest.mark.parametrize("wrong", ["first: -1", "first: 1, last: 1", f'after: "{OTHER_ORDER}"'])
async def test_what_is_wrong_below_is_said_where_it_is(
    services: Services, viewer: Viewer, wrong: str
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    text = thread(f"title messages({wrong}) {{ nodes {{ id }} }}")
    both = Both(services, viewer)
    compiled = await both.answer(both.compiled, text, {"id": made.id})
    assert b'"path":["conversation","messages"]' in compiled
    assert compiled == await both.answer(both.reference, text, {"id": made.id})
