"""Whatever is sent, counting ends with a number or with an error that GraphQL knows."""

from __future__ import annotations

from typing import Any

from graphql import parse, specified_rules, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.graphql.limits import QueryLimitExceeded, QueryLimits, analyse, cost_model, limits_rule
from tests.graphql.limits_schema import CORE, analysed

NAMES = st.sampled_from(
    ("hello", "conversations", "nodes", "node", "messages", "siblings", "id", "__typename")
)
TYPES = st.sampled_from(["Query", "Node", "Message", "Conversation", "Part", "Role", "Nothing"])
FRAGMENTS = st.sampled_from(["A", "B", "C", "Missing"])
VALUES = st.sampled_from(["1", "-7", "null", "$n", "$m", "[1, $n]", '"x"', "{a: 1}", "99999999999"])
ARGUMENTS = st.sampled_from(["first", "last", "ids", "input", "query", "deep", "nonsense"])


@st.composite
def fields(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    alias = draw(st.sampled_from(["", "a: ", "b: "]))
    given_arguments = [f"{draw(ARGUMENTS)}: {draw(VALUES)}" for _ in range(draw(st.integers(0, 2)))]
    arguments = f"({', '.join(given_arguments)})" if given_arguments else ""
    directive = draw(st.sampled_from(["", " @skip(if: $n)", " @nonsense"]))
    return f"{alias}{draw(NAMES)}{arguments}{directive} {draw(inner)}"


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = st.lists(inner, max_size=4).map(lambda parts: "{ " + " ".join(parts) + " }")
    return st.one_of(
        fields(st.just("") | block),
        FRAGMENTS.map(lambda name: f"...{name}"),
        st.tuples(TYPES, block).map(lambda pair: f"... on {pair[0]} {pair[1]}"),
        block.map(lambda text: f"... {text}"),
    )


SELECTIONS = st.lists(st.recursive(fields(st.just("")), blocks, max_leaves=12), max_size=4).map(
    lambda parts: "{ " + " ".join(parts) + " }"
)
OPERATIONS = st.tuples(
    st.sampled_from(["", "query Q", "mutation M", "subscription S", "query Q($n: Int = 3)"]),
    SELECTIONS,
).map(" ".join)
DEFINITIONS = st.tuples(st.sampled_from("ABC"), TYPES, SELECTIONS).map(
    lambda parts: f"fragment {parts[0]} on {parts[1]} {parts[2]}"
)
DOCUMENTS = st.tuples(OPERATIONS, st.lists(OPERATIONS | DEFINITIONS, max_size=4)).map(
    lambda pair: " ".join([pair[0], *pair[1]])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
VARIABLES = st.fixed_dictionaries({}, optional={"n": JSON, "m": JSON, "i": JSON})
LIMITS = QueryLimits(max_complexity=500)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, VARIABLES)
def test_any_document_is_measured_or_refused(text: str, variables: dict[str, Any]) -> None:
    document = parse(text)
    errors = validate(CORE, document, [limits_rule(LIMITS), *specified_rules])
    refused = [error for error in errors if isinstance(error, QueryLimitExceeded)]
    assert len(errors) == 1 or not refused

    if not refused:
        analysis = analyse(document, cost_model(CORE, LIMITS), LIMITS)
        costs = [analysis.cost(name, variables) for name in analysis.operations]
        assert all(0 <= cost <= 2**53 for cost in costs)


PRICED = analysed(
    """
    query Read($n: Int = 2, $m: [ID!]!) {
      nodes(ids: $m) { id }
      conversations(first: $n) { nodes { messages(last: $n) { nodes { id } } } }
    }
    mutation Write($i: AddMessages!) { addMessages(input: $i) { id } }
    """
)


@settings(max_examples=60, deadline=None)
@given(VARIABLES)
def test_any_variables_have_a_cost(variables: dict[str, Any]) -> None:
    for name in ("Read", "Write"):
        assert 0 <= PRICED.cost(name, variables) <= 2**53
