"""No resolver of a mutation runs twice, whatever becomes of its payload."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import strawberry
from strawberry import Schema

from backend.errors import Invalid
from backend.graphql.context import Context
from backend.graphql.http.answers import result_body
from backend.graphql.operations import Operations
from backend.graphql.parameters import Parameters
from tests.graphql.execution.conftest import Bench
from tests.graphql.execution.running import LIMITS

RUN: list[str] = []


@strawberry.type
class Done:
    what: str
    times: int | None = 0


@strawberry.type
class Query:
    ready: bool = True


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def act(self, what: str) -> Done | None:
        RUN.append(what)
        await asyncio.sleep(0)
        return Done(what=what, times=len(RUN))

    @strawberry.mutation
    async def act_badly(self, what: str) -> Done | None:
        RUN.append(what)
        return Done(what=what, times=2**40)

    @strawberry.mutation
    async def refuse(self, what: str) -> Done | None:
        RUN.append(what)
        raise Invalid("Not that.", field=("what",))


SCHEMA = Schema(Query, Mutation)


@pytest.fixture
def acting(bench: Bench) -> Bench:
    """The bench with a schema that counts what is done."""
    RUN.clear()
    return replace(bench, both=replace(bench.both, compiled=Operations(SCHEMA, limits=LIMITS)))


def test_in_order_and_each_once(acting: Bench) -> None:
    text = 'mutation { a: act(what: "1") { what times } b: act(what: "2") { times } }'
    answer = acting.run(acting.both.compiled_answer(text))
    assert answer == {"data": {"a": {"what": "1", "times": 1}, "b": {"times": 2}}}
    assert RUN == ["1", "2"]
    assert acting.both.compiled.execution.compiled == 1


@pytest.mark.parametrize("bad", ["actBadly", "refuse"])
def test_each_once_where_one_fails(acting: Bench, bad: str) -> None:
    acts = (
        f'a: act(what: "1") {{ ...D }} b: {bad}(what: "2") {{ ...D }} c: act(what: "3") {{ ...D }}'
    )
    text = f"mutation {{ {acts} }} fragment D on Done {{ times }}"
    answer = acting.run(acting.both.compiled_answer(text))
    assert RUN == ["1", "2", "3"]
    assert answer["data"]["a"] == {"times": 1}
    assert answer["data"]["c"] == {"times": 3}
    (error,) = answer["errors"]
    assert error["path"] == (["b", "times"] if bad == "actBadly" else ["b"])
    assert acting.both.compiled.execution.referred == 1


def test_operations_on_one_context_do_not_recall_each_other(acting: Bench) -> None:
    async def both_at_once() -> tuple[bytes, bytes]:
        context = Context(acting.both.services, acting.both.viewer, streaming=True)
        operations = acting.both.compiled

        async def execute(what: str) -> bytes:
            text = (
                f'mutation {{ a: act(what: "{what}") {{ what }} b: refuse(what: "-") {{ what }} }}'
            )
            parameters = Parameters(query=text)
            admission = operations.admit(parameters)
            return result_body(await operations.execute(admission, parameters, context))

        return await asyncio.gather(execute("x"), execute("y"))

    first, second = acting.run(both_at_once())
    assert b'"a":{"what":"x"}' in first
    assert b'"a":{"what":"y"}' in second
    assert sorted(RUN) == ["-", "-", "x", "y"]


def test_a_later_mutation_does_not_see_what_was_read_for_an_earlier(bench: Bench) -> None:
    given = f'conversationId: "{bench.library.conversations[3]}", role: USER, content: "a"'
    one = f"addMessage(input: {{{given}}})"
    text = f"mutation {{ a: {one} {{ ...C }} b: {one} {{ ...C }} }}"
    fragment = "fragment C on AddMessagePayload { conversation { messageCount } }"
    for operations in (bench.both.compiled, bench.both.reference):
        counts: Any = bench.run(bench.both.json(operations, f"{text} {fragment}"))["data"]
        first = counts["a"]["conversation"]["messageCount"]
        assert counts["b"]["conversation"]["messageCount"] == first + 1
