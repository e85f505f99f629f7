"""How much is asked of the database: as little as with loaders, however many rows there are."""

from __future__ import annotations

import pytest

from backend.graphql.execution.columns import READS
from backend.graphql.types.messages import message_parts
from backend.security.viewer import Viewer
from backend.services.container import Services
from benchmarks.requests import INBOX, LIST, THREAD
from tests.graphql.execution.conftest import Bench
from tests.graphql.execution.running import Both
from tests.support.conversations import active_branch, message_draft, stored_conversation
from tests.support.statements import Statements

DEEP = """{ conversations(first: 50) { totalCount nodes {
  tags lastMessage { content feedback { rating } }
  all: messages(branch: ALL, last: 5) { totalCount nodes { parent { id siblingCount } siblingIndex
    siblings { id versions { content } } conversation { title tags } } } } } }"""


@pytest.mark.parametrize(("text", "most"), [(INBOX, 2), (LIST, 1), (DEEP, 12)])
async def test_as_many_statements_for_many_as_for_few(
    services: Services, viewer: Viewer, statements: Statements, text: str, most: int
) -> None:
    counts = []
    for wanted in (2, 12):
        for _ in range(wanted):
            await stored_conversation(services, viewer, messages=4, tags=("a",))
        both = Both(services, viewer)
        statements.clear()
        compiled = await both.answer(both.compiled, text, {})
        counts.append(statements.count)
        assert both.compiled.execution.compiled == 1
        statements.clear()
        assert await both.answer(both.reference, text, {}) == compiled
        assert counts[-1] <= statements.count
    assert counts[0] == counts[1] <= most


async def test_one_ten_and_a_hundred_conversations_take_equally_many_statements(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    text = DEEP.replace("first: 50", "first: 100")
    counts: dict[str, list[int]] = {"compiled": [], "reference": []}
    for more in (1, 9, 90):
        for _ in range(more):
            made = await stored_conversation(services, viewer, messages=3, tags=("a",))
            await branched(services, viewer, made.id)
        both = Both(services, viewer)
        for name in counts:
            statements.clear()
            await both.answer(getattr(both, name), text, {})
            counts[name].append(statements.count)
    for name, found in counts.items():
        assert found == [found[0]] * 3, name


async def branched(services: Services, viewer: Viewer, conversation_id: str) -> None:
    """An alternative beside the last message, and a judgement of it."""
    rows = await active_branch(services.store, viewer, conversation_id)
    [other] = await services.messages.add(
        viewer, conversation_id, [message_draft("other")], parent_id=rows[-2].id
    )
    await services.messages.set_feedback(viewer, other.id, rating=1)


async def test_only_the_columns_that_are_asked_for(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    made = await stored_conversation(services, viewer, messages=3)
    both = Both(services, viewer)
    statements.clear()
    await both.answer(both.compiled, THREAD, {"id": made.id})
    page = statements.seen[-1].sql
    assert "messages.content" in page
    assert "messages.parts_json" not in page
    await both.answer(
        both.compiled, THREAD.replace("content", "parts { __typename }"), {"id": made.id}
    )
    page = statements.seen[-1].sql
    assert "messages.content" in page  # The parts of a plain message are its content.
    assert "messages.parts_json" in page
    assert "messages.metadata_json" not in page


def test_what_was_not_fetched_is_never_taken_for_null(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "{ conversations { nodes { messages { nodes { parts { __typename } } } } } }"
    monkeypatch.setattr(message_parts, READS, frozenset(["content"]))
    both = Both(bench.both.services, bench.both.viewer)
    compiled, reference = bench.run(both.answers(text, {})) or (b"", b"?")
    assert compiled == reference
    assert (both.compiled.execution.compiled, both.compiled.execution.referred) == (0, 1)
