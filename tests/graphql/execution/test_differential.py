"""Compiled execution answers as graphql-core does, byte for byte, whatever is asked."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from backend.graphql.schema import schema
from backend.graphql.types.event_views import EventView
from tests.graphql.execution.conftest import Bench, copied
from tests.graphql.execution.documents import Operation, events, mutations, queries

EXAMPLES = int(os.environ.get("EXAMPLES", "40"))
"""Set it to thousands after a change of the compiler."""


pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 2 * EXAMPLES)]
SETTINGS = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
STORED = """{ conversations(filter: {archived: null}, orderBy: {field: TITLE}) { nodes {
  title tags pinned archived revision messageCount messages(branch: ALL) { nodes { role content
    status onActiveBranch position revision siblingCount feedback { rating } } } } } }"""
NEW_IDS = re.compile(rb'"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"')
TIMES = re.compile(rb'"20\d\d-\d\d-\d\dT[0-9:.]+\+00:00"')
EVENT_CURSORS = re.compile(rb'"MWV[\w-]+"')


@SETTINGS
@given(data=st.data())
def test_queries_are_answered_alike(bench: Bench, data: st.DataObject) -> None:
    operation = data.draw(queries(schema._schema, bench.library))
    assume(_agree(bench, operation.text, operation.variables))
    flags = {name: not each for name, each in operation.variables.items() if type(each) is bool}
    if flags:  # The same document again, with what was left out put in.
        _agree(bench, operation.text, operation.variables | flags)


def _agree(bench: Bench, text: str, variables: dict[str, Any]) -> bool:
    """Whether the operation may run; both answers are then the same."""
    referred = bench.both.compiled.execution.referred
    answers = bench.run(bench.both.answers(text, variables))
    event("rejected" if answers is None else "executed")
    if answers is None:
        return False
    compiled, reference = answers
    assert compiled == reference, (text, variables)
    assert b'"INTERNAL"' not in compiled
    if b'"errors"' not in reference:
        event("good")
        # It must not have come by way of graphql-core.
        assert bench.both.compiled.execution.referred == referred
    return True


@SETTINGS
@given(data=st.data())
def test_events_are_answered_alike(bench: Bench, data: st.DataObject) -> None:
    operation = data.draw(events(schema._schema, bench.library))
    conversation_id = data.draw(st.sampled_from(bench.library.conversations))
    live, viewer = bench.both.services.live, bench.both.viewer
    referred = bench.both.compiled.execution.referred
    changes = bench.run(live.page(viewer, conversation_id, None, 200))
    views = [EventView(change, conversation_id) for change in changes]
    answers = bench.both.event_answers(operation.text, operation.variables, views)
    compiled, reference = bench.run(answers)
    assert compiled == reference, operation.text
    assert bench.both.compiled.execution.referred == referred


@settings(SETTINGS, max_examples=max(20, EXAMPLES // 10))
@given(data=st.data())
def test_mutations_do_and_answer_alike(bench: Bench, data: st.DataObject) -> None:
    operation = data.draw(mutations(schema._schema, bench.library))
    compiled, reference = bench.run(_apart(bench, operation))
    assert compiled == reference, (operation.text, operation.variables)
    assert b'"INTERNAL"' not in compiled[0]


async def _apart(bench: Bench, operation: Operation) -> list[tuple[bytes, bytes]]:
    """What each way answers over a copy of its own, and what is stored then."""
    found = []
    for way in ("compiled", "reference"):
        async with copied(bench) as both:
            answer = await both.answer(getattr(both, way), operation.text, operation.variables)
            stored = await both.answer(both.reference, STORED, {})
            found.append((_comparable(bench, answer), _comparable(bench, stored)))
    return found


def _comparable(bench: Bench, body: bytes) -> bytes:
    """An answer without what is new in it: ids, times, and cursors made of them."""
    known = {f'"{each}"'.encode() for each in bench.library.conversations + bench.library.messages}
    body = NEW_IDS.sub(lambda found: found[0] if found[0] in known else b'"new"', body)
    return EVENT_CURSORS.sub(b'"cursor"', TIMES.sub(b'"time"', body))
