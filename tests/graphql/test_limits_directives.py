"""The directives are published in the printed schema, and read back from the built one."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import DirectiveLocation, build_schema
from strawberry.schema.config import StrawberryConfig

from backend.graphql.limits import (
    Cost,
    CostModel,
    ListSize,
    QueryLimits,
    connection_size,
    cost,
    list_size,
    sized_by,
)
from tests.graphql.limits_schema import CORE, SCHEMA, Mutation, Query

COST_LOCATIONS = {
    DirectiveLocation.ARGUMENT_DEFINITION,
    DirectiveLocation.ENUM,
    DirectiveLocation.FIELD_DEFINITION,
    DirectiveLocation.INPUT_FIELD_DEFINITION,
    DirectiveLocation.OBJECT,
    DirectiveLocation.SCALAR,
}


def test_the_definitions_are_those_of_the_specification() -> None:
    printed = build_schema(SCHEMA.as_str())
    cost_directive, size_directive = (
        printed.get_directive("cost"),
        printed.get_directive("listSize"),
    )
    assert cost_directive
    assert size_directive

    assert set(cost_directive.locations) == COST_LOCATIONS
    assert {name: str(arg.type) for name, arg in cost_directive.args.items()} == {
        "weight": "String!"
    }
    assert size_directive.locations == (DirectiveLocation.FIELD_DEFINITION,)
    assert {name: str(arg.type) for name, arg in size_directive.args.items()} == {
        "assumedSize": "Int",
        "slicingArguments": "[String!]",
        "sizedFields": "[String!]",
        "requireOneSlicingArgument": "Boolean",
    }
    assert "requireOneSlicingArgument: Boolean = true" in SCHEMA.as_str()
    assert not cost_directive.is_repeatable
    assert not size_directive.is_repeatable


@pytest.mark.parametrize(
    "line",
    [
        'type MediaPart @cost(weight: "3") {',
        "siblings: [Message!]! @listSize(assumedSize: 2, requireOneSlicingArgument: false)",
        '@listSize(assumedSize: 50, slicingArguments: ["first", "last"], '
        'sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)',
        'deep: Boolean! = false @cost(weight: "10")',
        ': [Message!]! @cost(weight: "5")',
        'slicingArguments: ["input.messages"]',
    ],
)
def test_they_are_printed_where_they_apply(line: str) -> None:
    assert line in SCHEMA.as_str()


def test_a_sorted_schema_costs_the_same() -> None:
    ordered = strawberry.Schema(Query, Mutation, config=StrawberryConfig(sort_schema=True))
    one, other = (CostModel(schema, QueryLimits()) for schema in (CORE, ordered._schema))

    for field in ("search", "conversations", "nodes", "hello"):
        assert one.field("Query", field) == other.field("Query", field)


def test_weights_are_short() -> None:
    assert [cost(weight).weight for weight in (1, 2.5, -3, 0)] == ["1", "2.5", "-3", "0"]


@strawberry.type
class Thing:
    name: str


@strawberry.type
class Things:
    nodes: list[Thing]


@strawberry.interface
class Named:
    name: str = strawberry.field(directives=[cost(2)])


@strawberry.type
class Ann(Named):
    pass


@strawberry.type
class NamedRoot:
    ann: Ann


@strawberry.input
class Filter:
    name: str = strawberry.field(directives=[cost(2)])


@strawberry.type
class FilterRoot:
    @strawberry.field
    def found(self, by: Filter) -> int:
        return 0


def schema_with(returned: Any, *directives: object) -> Any:
    def things(first: int = 5) -> Any:
        return []

    field = strawberry.field(things, directives=directives, graphql_type=returned)
    return strawberry.Schema(strawberry.type(type("Query", (), {"things": field})))._schema


@pytest.mark.parametrize(
    ("returned", "directive", "reason"),
    [
        (list[Thing], sized_by("last", default=5), "no argument last"),
        (list[Thing], sized_by("first.deeper", default=5), "no argument first.deeper"),
        (Things, connection_size(5), "edges is no list field"),
        (Thing, list_size(5), "must return a list"),
        (list[Thing], ListSize(sized_fields=["nodes"]), "must return no list"),
        (Things, ListSize(sized_fields=["edges"], assumed_size=1), "edges is no list field"),
        (Thing, ListSize(sized_fields=["name"], assumed_size=1), "name is no list field"),
        (Thing, Cost(weight="dear"), "is no number"),
    ],
)
def test_a_directive_that_contradicts_the_schema_is_refused(
    returned: Any, directive: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        CostModel(schema_with(returned, directive), QueryLimits())


def test_a_weight_that_would_never_be_charged_is_refused() -> None:
    with pytest.raises(ValueError, match=r"@cost on Named\.name"):
        CostModel(strawberry.Schema(NamedRoot)._schema, QueryLimits())
    with pytest.raises(ValueError, match=r"@cost on Filter\.name"):
        CostModel(strawberry.Schema(FilterRoot)._schema, QueryLimits())
