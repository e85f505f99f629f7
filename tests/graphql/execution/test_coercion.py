"""Values of variables are coerced as graphql-core coerces them, or left to it."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    Undefined,
    build_schema,
    coerce_input_value,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import given
from hypothesis import strategies as st

from backend.graphql.execution.coercion import coercer
from backend.graphql.execution.errors import Unsupported
from backend.graphql.schema import schema

INPUTS = sorted(
    name
    for name, type_ in schema._schema.type_map.items()
    if is_input_object_type(type_) or is_enum_type(type_)
)
SCALARS: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 7, 2**31, -(2**31), 1.0, 1.5, "", "a", "2026-01-31T12:00:00Z", [], {}]
)


def values(type_: GraphQLInputType) -> st.SearchStrategy[Any]:
    """Values of a type, and now and then one that is none."""
    if is_non_null_type(type_):
        return values(type_.of_type)
    fitting: st.SearchStrategy[Any]
    if is_list_type(type_):
        each = values(type_.of_type)
        fitting = st.lists(each, max_size=3) | each
    elif is_input_object_type(type_):
        fields = {name: values(field.type) for name, field in type_.fields.items()}
        required = {name for name, field in type_.fields.items() if is_non_null_type(field.type)}
        whole = {name: fields[name] for name in required}
        others = {name: each for name, each in fields.items() if name not in required}
        more = others | {"unknown": SCALARS} if not required else others
        fitting = st.fixed_dictionaries(whole, optional=more)
    elif isinstance(type_, GraphQLEnumType):
        fitting = st.sampled_from(list(type_.values))
    else:
        fitting = SCALARS
    return st.one_of(*[fitting] * 6, SCALARS)


@pytest.mark.parametrize("name", INPUTS)
@given(data=st.data())
def test_as_graphql_core_does(name: str, data: st.DataObject) -> None:
    type_: Any = schema._schema.type_map[name]
    for each in (type_, GraphQLNonNull(type_)):
        value = data.draw(values(each))
        mine, theirs = coercer(each)(value), by_core(value, each)
        if mine is Undefined:
            assert theirs is Undefined or type(value) is not list
        else:
            assert theirs is not Undefined
            assert mine == theirs


def by_core(value: Any, type_: GraphQLInputType) -> Any:
    """What graphql-core makes of a value; Undefined where it refuses it."""
    try:
        return coerce_input_value(value, type_)
    except GraphQLError:  # of an object of which one field alone may be given
        return Undefined


def test_what_is_usual_is_not_left_to_graphql_core() -> None:
    type_: Any = schema._schema.type_map["AddMessageInput"]
    said = {"conversationId": "c", "role": "USER", "content": "a", "createdAt": None}
    given_now = coercer(type_)(said)
    assert given_now == coerce_input_value(said, type_)
    assert given_now["newRoot"] is False
    assert coercer(type_)({**said, "newRoot": True})["newRoot"] is True
    assert coercer(type_)(said)["newRoot"] is False


@pytest.mark.parametrize("value", [1, [1], [[1]], [None], [["a"]], "a"])
def test_lists_within_lists(value: Any) -> None:
    core = build_schema("type Query { a: Int } input I { deep: [[Int!]] = [[1]] }")
    type_: Any = core.type_map["I"]
    mine, theirs = coercer(type_)({"deep": value}), by_core({"deep": value}, type_)
    assert mine is Undefined or mine == theirs
    assert coercer(type_)({}) == {"deep": [[1]]}


@pytest.mark.parametrize(
    "text",
    [
        "input I { again: I }",
        "input I { many: [J!] } input J { i: I }",
        "input I @oneOf { a: Int }",
    ],
)
def test_inputs_that_are_left_to_graphql_core(text: str) -> None:
    type_: Any = build_schema(f"type Query {{ a: Int }} {text}").type_map["I"]
    with pytest.raises(Unsupported):
        coercer(get_nullable_type(type_))
