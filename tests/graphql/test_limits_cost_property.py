"""The cost of an operation against the objects of a real answer with the longest lists possible.

The oracle is graphql-core's executor over the printed schema, with a resolver that returns lists as
long as the slicing arguments say and objects of any possible type. It shares no code with the
analysis: it merges, follows fragments and reads variables as execution does.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLResolveInfo,
    build_schema,
    execute_sync,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    parse,
    specified_rules,
    validate,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.graphql.limits import Analysis, QueryLimits, analyse, cost_model
from tests.graphql.limits_schema import CORE, SCHEMA

PRINTED = build_schema(SCHEMA.as_str())
FREE = {"PageInfo", "MessageEdge", "ConversationEdge"}
DEFAULTS = {"conversations": 20, "messages": 50, "siblings": 2}
LIMITS = QueryLimits(assumed_list_size=3, max_complexity=20_000, max_cost=10**12)

FIELDS: dict[str, dict[str, str | None]] = {
    "Query": {"conversations": "ConversationConnection", "node": "Node", "hello": None},
    "ConversationConnection": {
        "nodes": "Conversation",
        "edges": "ConversationEdge",
        "pageInfo": "PageInfo",
    },
    "ConversationEdge": {"cursor": None, "node": "Conversation"},
    "Conversation": {
        "id": None,
        "title": None,
        "lastMessage": "Message",
        "messages": "MessageConnection",
    },
    "MessageConnection": {"nodes": "Message", "edges": "MessageEdge", "pageInfo": "PageInfo"},
    "MessageEdge": {"cursor": None, "node": "Message"},
    "Message": {"id": None, "siblings": "Message", "conversation": "Conversation", "parts": "Part"},
    "PageInfo": {"hasNextPage": None},
    "Node": {"id": None},
    "Part": {"__typename": None},
    "TextPart": {"text": None},
    "MediaPart": {"url": None},
}
MEMBERS = {"Node": ["Message", "Conversation"], "Part": ["TextPart", "MediaPart"]}
FRAGMENTS = {"A": "Conversation", "B": "Message", "C": "MessageConnection", "D": "Node"}
# Fragments may use those after them alone, so that there are no cycles.
ORDER = list(FRAGMENTS)
SLICES = ["", "(first: 2)", "(last: 3)", "(first: $n)", "(last: $m)", "(first: 0)"]


@st.composite
def selections(draw: st.DrawFn, type_name: str, depth: int, fragments: list[str]) -> str:
    """A selection set on a type: fields, inline fragments and spreads, at least one of them."""
    parts: list[str] = ["__typename"]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(FIELDS[type_name])))
        returned = FIELDS[type_name][name]
        if returned is None:
            parts.append(name)
        elif depth > 0:
            inner = draw(selections(returned, depth - 1, fragments))
            parts.append(draw(called(name)) + inner)
    members = MEMBERS.get(type_name, [])
    usable = [name for name in fragments if FRAGMENTS[name] in (type_name, *members)]
    if draw(st.booleans()) and usable:
        parts.append(f"...{draw(st.sampled_from(usable))}")
    parts.extend(
        f"... on {member} {draw(selections(member, depth - 1, fragments))}"
        for member in members
        if depth > 0 and draw(st.booleans())
    )
    return "{ " + " ".join(draw(st.permutations(parts))) + " }"


@st.composite
def called(draw: st.DrawFn, name: str) -> str:
    """A call of a field, under an alias that is the same for the same arguments alone."""
    if name == "node":
        return "node(id: 1) "
    if name not in ("conversations", "messages"):
        return f"{name} "
    index = draw(st.integers(0, len(SLICES) - 1))
    return f"{name}{index}: {name}{SLICES[index]} "


@st.composite
def documents(draw: st.DrawFn) -> str:
    texts = [
        f"fragment {name} on {FRAGMENTS[name]} "
        + draw(selections(FRAGMENTS[name], 2, ORDER[position + 1 :]))
        for position, name in enumerate(ORDER)
    ]
    operation = "query ($n: Int = 2, $m: Int) " + draw(selections("Query", 4, ORDER))
    return " ".join([operation, *texts])


class Oracle:
    """Executes an operation and counts what its objects cost."""

    def __init__(self, choices: list[bool]) -> None:
        self.points = 1.0
        self._choices = choices

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        returned = get_nullable_type(info.return_type)
        named: Any = get_named_type(returned)
        if not is_list_type(returned):
            return self._value(named, self._slice(info.field_name, arguments))
        length = source["size"] if info.field_name in ("nodes", "edges") else None
        if length is None:
            length = DEFAULTS.get(info.field_name, LIMITS.assumed_list_size)
        return [self._value(named, None) for _ in range(length)]

    def _slice(self, name: str, arguments: dict[str, Any]) -> int | None:
        given = [arguments[key] for key in ("first", "last") if arguments.get(key) is not None]
        return max(given) if given else DEFAULTS.get(name)

    def _value(self, named: Any, size: int | None) -> Any:
        if is_leaf_type(named):
            return True if named.name == "Boolean" else "x"
        if is_abstract_type(named):
            members = PRINTED.get_possible_types(named)
            named = members[self._choice() % len(members)]
        assert is_object_type(named)
        self.points += 0 if named.name in FREE else 3 if named.name == "MediaPart" else 1
        return {"__typename": named.name, "size": size}

    def _choice(self) -> int:
        self._choices.append(self._choices.pop(0))
        return int(self._choices[-1])


def measured(text: str) -> Analysis:
    document = parse(text)
    rules = [rule for rule in specified_rules if rule.__name__ != "NoUnusedFragmentsRule"]
    rules = [rule for rule in rules if rule.__name__ != "NoUnusedVariablesRule"]
    assume(validate(PRINTED, document, rules) == [])
    return analyse(document, cost_model(CORE, LIMITS), LIMITS)


def executed(text: str, variables: dict[str, Any], choices: list[bool]) -> float:
    oracle = Oracle(list(choices))
    result = execute_sync(
        PRINTED,
        parse(text),
        variable_values=variables,
        field_resolver=oracle.resolve,
        type_resolver=lambda value, *_: value["__typename"],
    )
    assert result.errors is None
    return oracle.points


VARIABLES = st.fixed_dictionaries(
    {}, optional={"n": st.none() | st.integers(0, 3), "m": st.none() | st.integers(0, 3)}
)
CHOICES = st.lists(st.booleans(), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), VARIABLES, CHOICES)
def test_no_answer_holds_more_than_its_operation_costs(
    text: str, variables: dict[str, Any], choices: list[bool]
) -> None:
    cost = measured(text).cost(None, variables)
    assume(cost < 20_000)

    points = executed(text, variables, choices)

    assert points <= cost
    # Where nothing can be of several types there is nothing to guess, and the cost is exact.
    if "node(" not in text and "parts" not in text:
        assert points == cost
