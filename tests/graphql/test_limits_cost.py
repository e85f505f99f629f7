"""What operations cost: the objects their answers can hold, and the weights declared."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import get_introspection_query, parse, validate

from backend.graphql.limits import (
    ListSize,
    QueryLimitExceeded,
    QueryLimits,
    analyse,
    cost_model,
    limits_rule,
)
from tests.graphql.limits_schema import CORE, analysed, price

ROOT = 1


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ hello }", 0),
        ("{ __typename hello again: hello }", 0),
        # A connection, and its conversations.
        ("{ conversations(first: 3) { nodes { id } } }", 1 + 3),
        ("{ conversations(last: 3) { nodes { id } } }", 1 + 3),
        ("{ conversations { nodes { id } } }", 1 + 20),
        ("{ conversations(first: null) { nodes { id } } }", 1 + 20),
        ("{ conversations(first: 0) { nodes { id } } }", 1),
        ("{ conversations(first: -5) { nodes { id } } }", 1),
        # Both slices: the larger one, since it is for the resolver to refuse them.
        ("{ conversations(first: 3, last: 7) { nodes { id } } }", 1 + 7),
        # Edges and page information are weighted 0 here; what hangs on an edge is not.
        ("{ conversations(first: 3) { pageInfo { hasNextPage } edges { cursor } } }", 1),
        ("{ conversations(first: 3) { edges { node { id } } } }", 1 + 3),
        ("{ conversations(first: 3) { edges { node { id } } nodes { id } } }", 1 + 3 + 3),
        # Lists multiply down the tree.
        (
            "{ conversations(first: 3) { nodes { messages(last: 4) { nodes { id } } } } }",
            1 + 3 * (1 + (1 + 4)),
        ),
        (
            "{ conversations(first: 3) { nodes { messages { nodes { siblings { id } } } } } }",
            1 + 3 * (1 + (1 + 50 * (1 + 2))),
        ),
        # A list nothing sizes has the assumed size; lists of scalars are free.
        ("{ conversations(first: 1) { nodes { lastMessage { tags } } } }", 1 + 1 + 1),
        ('{ search(query: "a") { id } }', 5 + 10),
        ("{ search { id } }", 5 + 10),
        # Aliases of one field are several calls; the same field twice is one.
        ("{ a: conversations { nodes { id } } b: conversations { nodes { id } } }", 2 * 21),
        ("{ conversations { nodes { id } } conversations { nodes { title } } }", 21),
    ],
)
def test_objects_and_lists(query: str, points: int) -> None:
    assert price(query) == ROOT + points


@pytest.mark.parametrize(
    ("arguments", "points"),
    [
        ('query: "a"', 5),
        ('query: "a", deep: true', 15),
        ('query: "a", approximate: true', 0),
        ('query: "a", deep: true, approximate: true', 0),
    ],
)
def test_weights_of_fields_and_arguments(arguments: str, points: int) -> None:
    assert price(f"{{ search({arguments}) {{ id }} }}") == ROOT + points + 10


def test_a_declared_weight_is_charged_for_every_call() -> None:
    query = "{ node(id: 1) { ... on Message { parts { ... on MediaPart { url } } } } }"

    assert price(query) == ROOT + 1 + 10 * 3


def test_an_abstract_type_costs_as_much_as_its_dearest_member() -> None:
    conversation = "... on Conversation { messages(last: 7) { nodes { id } } }"
    message = "... on Message { siblings { id } }"

    assert price(f"{{ node(id: 1) {{ {conversation} }} }}") == ROOT + 1 + (1 + 7)
    assert price(f"{{ node(id: 1) {{ {message} }} }}") == ROOT + 1 + 2
    assert price(f"{{ node(id: 1) {{ {conversation} {message} }} }}") == ROOT + 1 + (1 + 7)
    assert price("{ node(id: 1) { id } }") == ROOT + 1


def test_fragments_on_abstract_types_apply_to_every_member() -> None:
    query = "{ node(id: 1) { ...F } conversations(first: 1) { nodes { ...F } } }"
    fragment = "fragment F on Node { id ... on Message { siblings { id } } }"

    assert price(query + fragment) == ROOT + (1 + 2) + (1 + 1)


def test_a_fragment_is_charged_where_it_is_used() -> None:
    fragment = "fragment F on Conversation { messages(last: 5) { nodes { id } } }"
    once = "{ conversations(first: 2) { nodes { ...F } } }"
    merged = "{ conversations(first: 2) { nodes { ...F ... on Node { id ...F } } } }"
    apart = (
        "{ a: conversations(first: 2) { nodes { ...F } } "
        "b: conversations(first: 3) { nodes { ...F } } }"
    )

    assert price(once + fragment) == price(merged + fragment) == ROOT + 1 + 2 * (1 + 1 + 5)
    assert price(apart + fragment) == ROOT + 1 + 2 * 7 + 1 + 3 * 7


INBOX = """
query Inbox($first: Int = 4, $last: Int) {
  conversations(first: $first) {
    nodes { id messages(last: $last) { nodes { id siblings { id } } } }
  }
}
"""


def inbox(first: int, last: int) -> int:
    return ROOT + 1 + first * (1 + 1 + last * 3)


@pytest.mark.parametrize(
    ("variables", "first", "last"),
    [
        ({}, 4, 50),
        (None, 4, 50),
        ({"last": 10}, 4, 10),
        ({"first": 2, "last": 10}, 2, 10),
        ({"first": None, "last": None}, 20, 50),
        ({"first": 2.0, "last": 10}, 2, 10),
        # What coercion will refuse costs what would be assumed.
        ({"first": "2", "last": True}, 20, 50),
        ({"first": {"a": 1}}, 20, 50),
        ({"first": -3, "last": 5}, 0, 5),
        ({"first": 10**30, "last": 0}, 1_000_000, 0),
        ({"first": float("inf"), "last": 0}, 1_000_000, 0),
        ({"first": float("nan"), "last": 0}, 0, 0),
        ({"unknown": 3}, 4, 50),
    ],
)
def test_variables_decide(variables: dict[str, Any] | None, first: int, last: int) -> None:
    assert price(INBOX, variables) == inbox(first, last)


def test_one_analysis_serves_every_request() -> None:
    analysis = analysed(INBOX)

    assert analysis.fixed_cost("Inbox") is None
    assert [analysis.cost("Inbox", {"first": n, "last": n}) for n in range(4)] == [
        inbox(n, n) for n in range(4)
    ]


def test_the_schemas_default_stands_in_for_a_variable_that_is_not_there() -> None:
    query = "query ($first: Int) { conversations(first: $first) { nodes { id } } }"

    assert price(query, {}) == ROOT + 1 + 20


def test_variables_choose_the_dearest_member() -> None:
    query = """
    query ($n: Int, $m: Int) { node(id: 1) {
      ... on Conversation { messages(last: $n) { nodes { id } } }
      ... on Message { conversation { messages(last: $m) { nodes { id } } } }
    } }
    """

    assert price(query, {"n": 9, "m": 2}) == ROOT + 1 + (1 + 9)
    assert price(query, {"n": 2, "m": 9}) == ROOT + 1 + (1 + 1 + 9)


@pytest.mark.parametrize(
    ("query", "variables", "size"),
    [
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a"] * 7}, 7),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', None, 3),
        ("{ nodes(ids: []) { id } }", None, 0),
        ("query ($ids: [ID!]! = [1, 2]) { nodes(ids: $ids) { id } }", {}, 2),
        ("query ($id: ID!) { nodes(ids: [$id, $id]) { id } }", {"id": "a"}, 2),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": "a"}, 100),
    ],
)
def test_a_list_that_slices_counts_its_items(
    query: str, variables: dict[str, Any] | None, size: int
) -> None:
    assert price(query, variables) == ROOT + size


@pytest.mark.parametrize(
    ("query", "variables", "size"),
    [
        ('mutation { addMessages(input: {messages: [{content: "a"}]}) { id } }', None, 1),
        (
            "mutation ($i: AddMessages!) { addMessages(input: $i) { id } }",
            {"i": {"messages": [{}, {}, {}]}},
            3,
        ),
        (
            "mutation ($m: [NewMessage!]!) { addMessages(input: {messages: $m}) { id } }",
            {"m": [{}, {}]},
            2,
        ),
        ("mutation ($i: AddMessages!) { addMessages(input: $i) { id } }", {"i": None}, 250),
        ("mutation ($i: AddMessages!) { addMessages(input: $i) { id } }", {"i": [1]}, 250),
        ("mutation { addMessages(input: {}) { id } }", None, 250),
        ("mutation { addMessages { id } }", None, 250),
    ],
)
def test_a_slice_may_lie_inside_an_input(
    query: str, variables: dict[str, Any] | None, size: int
) -> None:
    assert price(query, variables) == ROOT + size


def test_an_argument_may_size_a_list_inside_what_is_returned() -> None:
    query = """mutation ($i: AddMessages!) {
      sendMessages(input: $i) { messages { id } conversation { id } }
    }"""

    assert price(query, {"i": {"messages": [{}, {}, {}]}}) == ROOT + 1 + 3 + 1
    assert price(query, {}) == ROOT + 1 + 250 + 1


def test_a_subscription_costs_one_event() -> None:
    assert price("subscription { messageAdded { siblings { id } } }") == ROOT + 1 + 2


def test_shared_fragments_with_variables_keep_the_formula_small() -> None:
    levels = 6
    fragments = "".join(
        f"fragment F{n} on Conversation {{ "
        f"a: messages(first: $n) {{ nodes {{ conversation {{ ...F{n + 1} }} }} }} "
        f"b: messages(first: $n) {{ nodes {{ conversation {{ ...F{n + 1} }} }} }} }} "
        for n in range(levels)
    )
    query = (
        "query ($n: Int) { conversations(first: 1) { nodes { ...F0 } } } "
        f"{fragments} fragment F{levels} on Conversation {{ id }}"
    )
    limits = QueryLimits(max_depth=50)
    analysis = analysed(query, limits)

    expected = 0
    for _ in range(levels):
        expected = 2 * (1 + 2 * (1 + 1 + expected))
    assert analysis.cost(None, {"n": 2}) == ROOT + 1 + 1 + expected
    assert analysis.formula.steps <= 3 * levels


def test_a_huge_cost_is_still_a_number_json_can_carry() -> None:
    nested = "{ conversations(first: 999999999999) { nodes { lastMessage { id } } } }"
    for _ in range(4):
        nested = nested.replace(
            "lastMessage { id }", "messages(last: 999999999999) { nodes { lastMessage { id } } }"
        )
        nested = nested.replace("lastMessage { id }", "conversation { lastMessage { id } }")

    assert 10**12 < price(nested) <= 2**53 - 1


def test_introspection_is_cheap_and_bounded() -> None:
    full = price(get_introspection_query())
    once_more = price("{ __schema { types { fields { type { fields { type { name } } } } } } }")

    assert 10 < full < QueryLimits().max_cost / 10
    assert once_more > 0
    assert price('{ __type(name: "Query") { fields { name } } }') < full


@strawberry.type
class Thing:
    name: str


def things(first: int | None = None, last: int | None = None) -> list[Thing]:
    return []


def defaulted(first: int = 6) -> list[Thing]:
    return []


@strawberry.type
class Root:
    things: list[Thing] = strawberry.field(
        resolver=things, directives=[ListSize(slicing_arguments=["first", "last"])]
    )
    defaulted: list[Thing] = strawberry.field(
        resolver=defaulted, directives=[ListSize(slicing_arguments=["first"])]
    )


REQUIRING = strawberry.Schema(Root)._schema


@pytest.mark.parametrize(
    ("field", "points"),
    [
        ("things(first: 4)", 4),
        ("things(last: 4, first: null)", 4),
        ("defaulted", 6),
        ("defaulted(first: 2)", 2),
    ],
)
def test_a_required_slice_is_there(field: str, points: int) -> None:
    limits = QueryLimits()
    document = parse(f"{{ {field} {{ name }} }}")

    assert analyse(document, cost_model(REQUIRING, limits), limits).cost(None) == ROOT + points


@pytest.mark.parametrize("arguments", ["", "(first: 1, last: 2)", "(first: null)"])
def test_a_required_slice_is_missing(arguments: str) -> None:
    document = parse(f"{{ things{arguments} {{ name }} }}")

    errors = validate(REQUIRING, document, [limits_rule(QueryLimits())])

    assert [error.message for error in errors] == [
        "Field 'things' needs exactly one of the arguments first or last."
    ]


def test_the_rule_refuses_a_cost_that_no_variable_decides() -> None:
    limits = QueryLimits(max_cost=100)
    rule = limits_rule(limits)
    dear = parse("query Dear { conversations(first: 200) { nodes { id } } }")
    open_ended = parse("query ($n: Int) { conversations(first: $n) { nodes { id } } }")

    errors = validate(CORE, dear, [rule])

    assert [error.extensions for error in errors] == [
        {"code": "LIMIT_EXCEEDED", "limit": "cost", "value": 202, "maximum": 100}
    ]
    assert isinstance(errors[0], QueryLimitExceeded)
    assert validate(CORE, open_ended, [rule]) == []
