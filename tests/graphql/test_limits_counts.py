"""Every limit but cost, at its edge, and documents written to make the counting expensive."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import ASTValidationRule, get_introspection_query, parse, specified_rules, validate

from backend.graphql.limits import QueryLimitExceeded, QueryLimits, limits_rule
from tests.graphql.limits_schema import CORE, Query, analysed

LIMITS = QueryLimits()
MANY = "id " * 90
NO_SUBSCRIPTION = strawberry.Schema(Query)._schema


def repeated(piece: str, times: int) -> str:
    return " ".join(piece.replace("#", str(number)) for number in range(times))


def in_message(selection: str) -> str:
    return f"{{ conversations {{ nodes {{ lastMessage {{ {selection} }} }} }} }}"


def siblings(levels: int) -> str:
    return in_message("siblings { " * (levels - 4) + "id" + " }" * (levels - 4))


EDGES = {
    "depth": (siblings, LIMITS.max_depth),
    "aliases": (lambda n: in_message(repeated("a#: id", n)), LIMITS.max_aliases),
    "directives": (
        lambda n: in_message(repeated("... @skip(if: false) { id }", n)),
        LIMITS.max_directives,
    ),
    "directivesPerLocation": (
        lambda n: f"{{ hello {repeated('@skip(if: false)', n)} }}",
        LIMITS.max_directives_per_location,
    ),
    "rootFields": (lambda n: f"{{ {repeated('hello', n)} }}", LIMITS.max_root_fields),
}


@pytest.mark.parametrize("limit", EDGES)
def test_a_limit_admits_its_maximum_and_refuses_one_more(limit: str) -> None:
    document, maximum = EDGES[limit]

    analysed(document(maximum))
    with pytest.raises(QueryLimitExceeded) as caught:
        analysed(document(maximum + 1))

    assert caught.value.extensions == {
        "code": "LIMIT_EXCEEDED",
        "limit": limit,
        "value": maximum + 1,
        "maximum": maximum,
    }
    assert str(maximum) in caught.value.message


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        ("rootFields", f"{{ {repeated('a#: __typename', 21)} }}"),
        ("rootFields", f"{{ ...F }} fragment F on Query {{ {repeated('a#: hello', 21)} }}"),
        ("rootFields", f"{{ ... {{ {repeated('__typename', 11)} }} {repeated('hello', 11)} }}"),
        ("aliases", in_message(repeated("a#: __typename", 51))),
        ("aliases", "{ hello } " + repeated("fragment F# on Message { a: id b: id }", 26)),
        ("directives", in_message(repeated("id @include(if: true) @skip(if: false)", 26))),
        ("directives", "{ hello } " + repeated("fragment F# on Message @a @b { id }", 26)),
        ("directives", f"query ({repeated('$v#: Int @a', 51)}) {{ hello }}"),
        ("directivesPerLocation", "query " + "@a " * 6 + "{ hello }"),
        ("directivesPerLocation", "{ ...F " + "@a " * 6 + "} fragment F on Query { hello }"),
        ("directivesPerLocation", "query ($v: Int " + "@a " * 6 + ") { hello }"),
        (
            "depth",
            siblings(21).replace("siblings { id }", "...F")
            + "fragment F on Message { siblings { id } }",
        ),
    ],
)
def test_nothing_hides_from_a_limit(limit: str, query: str) -> None:
    with pytest.raises(QueryLimitExceeded) as caught:
        analysed(query)

    extensions = caught.value.extensions
    assert extensions
    assert extensions["limit"] == limit


def test_aliases_are_counted_as_written_since_cost_counts_the_calls() -> None:
    fragment = f"fragment F on Conversation {{ {repeated('a#: title', 40)} }}"
    spread = repeated("c#: conversations { nodes { ...F } }", 10)

    analysed(f"{{ {spread} }} {fragment}")


@pytest.mark.parametrize(
    "options",
    [{}, {"schema_description": True, "specified_by_url": True, "input_value_deprecation": True}],
)
def test_the_introspection_of_tools_is_admitted(options: dict[str, Any]) -> None:
    analysis = analysed(get_introspection_query(**options))
    measure = analysis.operations["IntrospectionQuery"]

    assert measure.depth == 15
    assert measure.root_fields == 1


COLOCATED = """
query Inbox($first: Int = 20, $last: Int = 20, $cursor: String) {
  conversations(first: $first) {
    edges {
      cursor
      node { id ...Row ...Header ...Thread __typename }
      __typename
    }
    pageInfo { hasNextPage __typename }
    __typename
  }
}
fragment Row on Conversation { id title lastMessage { ...Bubble id } __typename }
fragment Header on Conversation { id title ...Row __typename }
fragment Thread on Conversation {
  messages(last: $last) {
    edges { cursor node { ...Bubble id __typename } __typename }
    pageInfo { hasNextPage }
  }
  __typename
}
fragment Bubble on Message {
  id content role siblings { id content role siblings { id } }
  parts { __typename ... on TextPart { text } ... on MediaPart { url } ... on Node { id } }
}
"""


def test_what_relay_and_apollo_client_print_is_admitted() -> None:
    analysis = analysed(COLOCATED)

    assert analysis.operations["Inbox"].depth == 9
    assert analysis.cost("Inbox") < LIMITS.max_cost


def doubling(fragments: int, body: str) -> str:
    """Each fragment uses the next twice: expanded, the last one stands there 2**fragments times."""
    chain = "".join(
        f" fragment F{number} on Message {{ {body.replace('%', f'...F{number + 1}')} }}"
        for number in range(fragments)
    )
    return f"{in_message('...F0')} {chain} fragment F{fragments} on Message {{ id }}"


def test_a_fragment_is_analysed_once_however_often_it_is_reached() -> None:
    query = doubling(15, "a: siblings { % } b: siblings { % }")

    # Expanded it has 2**15 paths; the smallest budget that would do is linear in the document.
    analysed(query, QueryLimits(max_complexity=300))


@pytest.mark.parametrize("fragments", [150, 400])
def test_the_fragment_bomb_ends_within_its_budget(fragments: int) -> None:
    with pytest.raises(QueryLimitExceeded) as caught:
        analysed(doubling(fragments, "% %"))

    extensions = caught.value.extensions
    assert extensions
    assert extensions["limit"] == "complexity"
    assert extensions["value"] <= LIMITS.max_complexity + fragments


def test_merging_that_multiplies_selections_ends_within_its_budget() -> None:
    """Which helpers meet at a place depends on the whole way there, so no two places are alike."""
    levels = 14
    chain = " ".join(
        f"fragment F{n} on Message "
        f"{{ a: siblings {{ ...F{n + 1} ...G{n} }} siblings {{ ...F{n + 1} }} }} "
        f"fragment G{n} on Message {{ a: siblings {{ ...G{n} }} siblings {{ ...G{n} }} }}"
        for n in range(levels)
    )
    limits = QueryLimits(max_aliases=1000)

    with pytest.raises(QueryLimitExceeded) as caught:
        analysed(f"{in_message('...F0')} {chain} fragment F{levels} on Message {{ id }}", limits)

    extensions = caught.value.extensions
    assert extensions
    assert extensions["limit"] in ("complexity", "depth")
    assert extensions["value"] <= limits.max_complexity + 100


@pytest.mark.parametrize(
    "query",
    [
        repeated("query A# { hello }", 300),
        "{ hello } " + repeated("fragment F# on Message { id }", 300),
        in_message("id " * 1000),
        in_message("siblings { id } " * 500),
        in_message(repeated("...F#", 200)) + repeated("fragment F# on Message { id }", 200),
        f"{{ hello }} fragment F on Message {{ {'id ' * 1000} }}",
        f"{{ node(id: 1) {{ ... on Message {{ {MANY} }} ... on Conversation {{ {MANY} }} }} }}",
    ],
)
def test_what_would_be_compared_pair_by_pair_is_refused_before(query: str) -> None:
    seen: list[str] = []

    class After(ASTValidationRule):
        def enter_field(self, *_args: Any) -> None:
            seen.append("field")

    errors = validate(CORE, parse(query), [limits_rule(LIMITS), After, *specified_rules])

    assert [error.extensions["limit"] for error in errors if error.extensions] == ["complexity"]
    assert seen == []


@pytest.mark.parametrize(
    "query",
    [
        in_message("...F") + "fragment F on Message { siblings { ...G } } "
        "fragment G on Message { siblings { ...F } }",
        in_message("...F") + "fragment F on Message { ...F id }",
        "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
        "{ hello } fragment F on Message { siblings { ...F } }",
    ],
)
def test_a_cycle_is_left_to_the_rule_that_names_it(query: str) -> None:
    errors = validate(CORE, parse(query), [limits_rule(LIMITS), *specified_rules])

    assert any("within itself" in error.message for error in errors)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ nonsense { more } }", "Cannot query field 'nonsense'"),
        ("{ hello { more } }", "must not have a selection"),
        ("{ conversations }", "must have a selection"),
        ("{ conversations { } }", ""),
        ("{ ...Missing }", "Unknown fragment"),
        ("{ ... on Nothing { id } }", "Unknown type"),
        ("{ ... on Role { id } }", "cannot condition on non composite"),
        ("{ ...F } fragment F on Nothing { id }", "Unknown type"),
        ("query A { hello } query A { hello }", "only one operation named"),
        ("type Query { a: Int }", "not executable"),
        ("fragment F on Query { hello }", "never used"),
    ],
)
def test_what_is_invalid_is_left_to_the_rules_that_say_why(query: str, message: str) -> None:
    errors = validate(CORE, parse(query), [limits_rule(LIMITS), *specified_rules])

    assert message == "" or any(message in error.message for error in errors)
    assert [error for error in errors if isinstance(error, QueryLimitExceeded)] == []


def test_an_operation_the_schema_has_not_is_left_to_its_rule() -> None:
    bare = parse("subscription { x }")

    errors = validate(NO_SUBSCRIPTION, bare, [limits_rule(LIMITS), *specified_rules])

    assert [error.message for error in errors]


def test_equal_limits_are_one_rule() -> None:
    assert limits_rule(QueryLimits()) is limits_rule(QueryLimits())
    assert limits_rule(QueryLimits(max_depth=5)) is not limits_rule(QueryLimits())


@pytest.mark.parametrize("bad", [{"max_depth": 0}, {"max_depth": 51}, {"max_cost": -1}])
def test_limits_that_cannot_be_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        QueryLimits(**bad)
