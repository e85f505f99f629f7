"""Plans take no more room than the cache of documents allows."""

from __future__ import annotations

import gc
from itertools import product

import pytest

from backend.graphql.execution.compiler import Plan
from backend.graphql.execution.plans import CHANCES, KEPT, LEAST_FIELDS, distrust
from backend.graphql.limits import DocumentCache
from backend.graphql.operations import Operations
from backend.graphql.parameters import Parameters
from backend.graphql.schema import schema
from backend.repositories import conversation_pages, message_pages, rows
from tests.graphql.execution.conftest import Bench
from tests.graphql.execution.running import LIMITS, Both


def _plans() -> int:
    gc.collect()
    return sum(type(each) is Plan for each in gc.get_objects())


@pytest.fixture
def both(bench: Bench) -> Both:
    """Both ways, with nothing compiled yet."""
    return Both(bench.both.services, bench.both.viewer)


def test_a_plan_goes_with_its_document(bench: Bench, both: Both) -> None:
    both.compiled._cache = DocumentCache(LIMITS, max_documents=20)
    before = _plans()
    for number in range(200):
        bench.run(
            both.compiled_answer(f"{{ a{number}: conversations(first: 0) {{ totalCount }} }}")
        )
    assert both.compiled.execution.compiled == 200
    assert _plans() - before == 20


def test_conditions_make_plans_within_the_bound(bench: Bench, both: Both) -> None:
    names = "abcdefgh"
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: title @include(if: ${name})" for name in names)
    text = f"query ({declared}) {{ conversations(first: 1) {{ nodes {{ {fields} id }} }} }}"
    for values in product((True, False), repeat=len(names)):
        given = dict(zip(names, values, strict=True))
        answer = bench.run(both.compiled_answer(text, given))
        (row,) = answer["data"]["conversations"]["nodes"]
        assert set(row) == {"id", *(name for name in names if given[name])}
    prepared = both.compiled.prepare(text)
    kept = prepared.kept[KEPT].values()
    assert 1 < sum(each.fields for each in kept) <= max(LEAST_FIELDS, prepared.weight)


def test_what_fragments_blow_up_is_not_compiled(bench: Bench, both: Both) -> None:
    twice = "a: parent { ...F%d } b: parent { ...F%d }"
    fragments = " ".join(
        f"fragment F{each} on Message {{ {twice % (each + 1, each + 1)} }}" for each in range(8)
    )
    text = f"{{ conversations(first: 0) {{ nodes {{ lastMessage {{ ...F0 }} }} }} }} {fragments}"
    bench.run(both.compiled_answer(f"{text} fragment F8 on Message {{ id }}"))
    assert (both.compiled.execution.compiled, both.compiled.execution.referred) == (0, 1)


def test_a_plan_that_fails_alone_is_given_up() -> None:
    operations = Operations(schema)
    text = "{ conversations(first: 0) { totalCount } }"
    admission = operations.admit(Parameters(query=text))
    kept, _ = operations.execution._prepared(admission, None)
    assert kept is not None
    for _ in range(CHANCES):
        assert kept.plan is not None
        distrust(kept)
    assert kept.plan is None


@pytest.mark.parametrize(
    "cache",
    [
        conversation_pages.page_in,
        conversation_pages.listed,
        conversation_pages.by_id,
        conversation_pages.by_ids,
        message_pages.from_an_end,
        message_pages.lateral,
        message_pages.limited,
        rows._maker,
    ],
)
def test_statements_for_columns_are_bounded(cache: object) -> None:
    assert 0 < cache.cache_info().maxsize <= 512  # type: ignore[attr-defined]
