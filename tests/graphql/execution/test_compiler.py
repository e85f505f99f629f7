"""What the compiler makes of schemas and operations that ours has nothing like."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from strawberry import Schema
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from backend.graphql.operations import Operations
from backend.graphql.scalars import SCALARS
from tests.graphql.execution.conftest import Bench
from tests.graphql.execution.running import LIMITS, Bystander


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = 3


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Cat(Named):
    lives: int = 9

    @strawberry.field
    def sound(self, loud: bool = False) -> str:
        return f"{self.name} says {'MEOW' if loud else 'meow'}"


@strawberry.type
class Dog(Named):
    tricks: list[str] = strawberry.field(default_factory=list)


@strawberry.type
class Thing:
    anything: Any = None


class Locked(BasePermission):
    message = "Locked."

    def has_permission(self, *_: Any, **__: Any) -> bool:
        return False


@strawberry.input
class Wish:
    words: list[str]
    colour: Colour = Colour.RED
    deeper: Wish | None = None


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]


def _items() -> Iterator[int]:
    yield from (1, 2)


@strawberry.type
class Query:
    @strawberry.field
    def pets(self) -> list[Pet]:
        return [Cat(name="Tom"), Dog(name="Rex", tricks=["sit", "roll"])]

    @strawberry.field
    def named(self) -> list[Named | None]:
        return [Dog(name="Rex"), None, Cat(name="Tom")]

    @strawberry.field
    def grid(self) -> list[list[int | None]]:
        return [[1, None], [], [2**31 - 1]]

    @strawberry.field
    def nothing(self) -> list[list[int]] | None:
        return None

    @strawberry.field
    def colours(self) -> list[Colour]:
        return [Colour.RED, Colour.BLUE, "red", 3]  # type: ignore[list-item]

    @strawberry.field
    def numbers(self) -> list[int]:
        return [True, 2.0, "7"]  # type: ignore[list-item]

    @strawberry.field
    def texts(self) -> list[str]:
        return [1, 2.5, True, "é"]  # type: ignore[list-item]

    @strawberry.field
    def flags(self) -> list[bool]:
        return [1, 0.0, True]  # type: ignore[list-item]

    @strawberry.field
    def ids(self) -> list[strawberry.ID]:
        return [1, "a"]  # type: ignore[list-item]

    @strawberry.field
    def ratios(self) -> list[float]:
        return [1, 0.5, "1e3"]  # type: ignore[list-item]

    @strawberry.field
    def moments(self) -> list[datetime]:
        early = datetime(7, 1, 1, tzinfo=UTC)
        return [early, datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=UTC), early.astimezone(EAST)]

    @strawberry.field
    def json(self) -> JSON:
        return JSON({"b": [None, 1.5], "a": {}})

    @strawberry.field
    def wished(self, wish: Wish, others: list[Wish] | None = None) -> str:
        wish.words.append("!")
        return f"{wish} {others}"

    @strawberry.field
    async def slow(self, info: strawberry.Info, times: int = 2) -> list[Cat]:
        return [Cat(name=f"{info.context.viewer.name}{each}") for each in range(times)]

    @strawberry.field
    def path(self, info: strawberry.Info) -> str:
        return f"{info.field_name} {info.path.key}"

    @strawberry.field
    def generated(self) -> list[int]:
        return _items()  # type: ignore[return-value]

    @strawberry.field(permission_classes=[Locked])  # type: ignore[untyped-decorator]
    def locked(self) -> str:
        return "never"

    @strawberry.field
    def too_large(self) -> int:
        return 2**31

    @strawberry.field
    def lost(self) -> str | None:
        raise LookupError("lost")

    @strawberry.field
    def missing(self) -> Cat:
        return None  # type: ignore[return-value]

    @strawberry.field
    def stray(self) -> Pet:
        return Query()  # type: ignore[return-value]

    @strawberry.field
    def void(self) -> list[Cat] | None:
        return [Cat(name="Tom"), None]  # type: ignore[list-item]


EAST = timezone(timedelta(hours=2))
ZOO = Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))

COMPILED = [
    "{ pets { __typename ... on Cat { name lives sound(loud: true) } ... on Dog { tricks } } }",
    "{ named { name __typename ... on Named { n: name } ... on Dog { tricks } } }",
    "{ grid nothing colours json ids }",
    "{ numbers texts flags ratios moments }",
    "{ t: __typename slow { sound } b: slow(times: 1) { ...C ...C } } fragment C on Cat { lives }",
    "{ ... { pets { ... { __typename } } } ...Q @include(if: true) } fragment Q on Query { grid }",
    "{ grid @skip(if: true) nothing @include(if: false) __typename }",
    "{ pets { ... on Cat { name } } pets { ... on Cat { lives } ... on Dog { name } } }",
    '{ wished(wish: {words: ["a"]}) b: wished(wish: {words: [], deeper: {words: "c"}}) }',
]
REFERRED = [
    "{ path }",
    "{ generated }",
    "{ locked }",
    "{ grid tooLarge }",
    "{ lost grid }",
    "{ missing { name } }",
    "{ stray { __typename } }",
    "{ void { name } }",
    "{ __schema { queryType { name } } grid }",
    '{ __type(name: "Cat") { name } }',
]


@pytest.fixture
def zoo(bench: Bench) -> Bench:
    """The bench with another schema."""
    reference = copy.copy(ZOO)
    reference.extensions = (Bystander,)
    compiled, by_core = Operations(ZOO, limits=LIMITS), Operations(reference, limits=LIMITS)
    return replace(bench, both=replace(bench.both, compiled=compiled, reference=by_core))


@pytest.mark.parametrize("text", COMPILED)
def test_compiled(zoo: Bench, text: str) -> None:
    for _ in range(2):
        compiled, reference = zoo.run(zoo.both.answers(text, {})) or (b"", b"?")
        assert compiled == reference
        assert b"errors" not in compiled
    assert (zoo.both.compiled.execution.compiled, zoo.both.compiled.execution.referred) == (2, 0)


@pytest.mark.parametrize("text", REFERRED)
def test_left_to_graphql_core(zoo: Bench, text: str) -> None:
    compiled, reference = zoo.run(zoo.both.answers(text, {})) or (b"", b"?")
    assert _without_ids(compiled) == _without_ids(reference)
    assert (zoo.both.compiled.execution.compiled, zoo.both.compiled.execution.referred) == (0, 1)


@pytest.mark.parametrize("given", [{}, {"t": 0}, {"t": None}, {"t": "x"}, {"t": 3, "more": 1}])
def test_variables(zoo: Bench, given: dict[str, Any]) -> None:
    text = "query ($t: Int! = 1) { slow(times: $t) { name } }"
    compiled, reference = zoo.run(zoo.both.answers(text, given)) or (b"", b"?")
    assert compiled == reference


def test_arguments_of_one_execution_are_not_those_of_the_next(zoo: Bench) -> None:
    text = "query ($w: Wish!) { wished(wish: $w) }"
    first = zoo.run(zoo.both.compiled_answer(text, {"w": {"words": ["a"]}}))
    assert zoo.run(zoo.both.compiled_answer(text, {"w": {"words": ["a"]}})) == first
    assert "['a', '!']" in first["data"]["wished"]


def test_many_lists_inside_each_other(zoo: Bench) -> None:
    deepest: Any = int
    value: Any = 1
    for _ in range(30):
        deepest, value = list[deepest], [value]
    nested = strawberry.type(
        type(
            "Nested",
            (),
            {"__annotations__": {"deep": deepest}, "deep": strawberry.field(lambda: value)},
        )
    )
    both = replace(zoo.both, compiled=Operations(Schema(nested), limits=LIMITS))
    assert zoo.run(both.compiled_answer("{ deep }"))["data"]["deep"] == value
    assert both.compiled.execution.compiled == 1


def _without_ids(body: bytes) -> bytes:
    """An answer without what its unexpected errors are logged under."""
    return body[: body.find(b"log has it under")]
