"""How the values of leaves become JSON, as source: the usual case in line, all others by a call.

Whatever is not of the usual Python type goes through the type's own ``coerce_output_value``, as in
graphql-core; where that refuses, the operation is executed again by graphql-core, which says why.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)

from backend.graphql.scalars import unchanged

Bind = Callable[[str, object], str]
"""Makes an object known to the source under a name that starts so; returns the name."""


class Unserialisable(Exception):
    """A value that its type does not take, or null where there may be none."""


def leaf_source(
    type_: GraphQLLeafType, nullable: bool, read: str, name: str, bind: Bind, *, stored: bool
) -> str:
    """An expression for the value of ``read``, which may keep it in the variable ``name``.

    ``stored``: it is as it is stored, so that a moment may be text.
    """
    if _passes_unchanged(type_) and nullable:
        return read
    kept = f"({name} := {read})"
    if read.isidentifier():
        name = kept = read
    other = f"{bind('other', _coercer(type_))}({name})"
    if nullable:
        other = f"None if {name} is None else {other}"
    usual = _usual(type_, kept, name, bind)
    if stored and _is_moment(type_):
        # isoformat() leaves out microseconds where there are none.
        text = f"{name}.replace('.000000+', '+') if type({kept}) is str"
        return f"({text} else {usual} else {other})"
    return f"({usual} else {other})"


def sure_source(type_: GraphQLLeafType, read: str, bind: Bind) -> str | None:
    """The same for what is known to be text; None where there is no shorter way."""
    if type_ is GraphQLString or type_ is GraphQLID or _passes_unchanged(type_):
        return read
    # A KeyError, as any other, has graphql-core execute the operation.
    return f"{bind('names', _names(type_))}[{read}]" if isinstance(type_, GraphQLEnumType) else None


def _usual(type_: GraphQLLeafType, value: str, name: str, bind: Bind) -> str:
    if type_ is GraphQLString or type_ is GraphQLID:
        return f"{name} if type({value}) is str"
    if type_ is GraphQLInt:
        return f"{name} if type({value}) is int and -2147483648 <= {name} <= 2147483647"
    if type_ is GraphQLBoolean:
        return f"{name} if type({value}) is bool"
    if isinstance(type_, GraphQLEnumType):
        names = bind("names", _names(type_))
        return f"{names}[{name}] if type({value}) is str and {name} in {names}"
    if _is_moment(type_):
        # Left to the encoder, which writes a moment in UTC as isoformat() does.
        utc = bind("utc", UTC)
        return f"{name} if type({value}) is {bind('moment', datetime)} and {name}.tzinfo is {utc}"
    if _passes_unchanged(type_):
        return f"{name} if {value} is not None"
    return f"None if {value} is {bind('nothing', Undefined)}"


@cache
def _names(type_: GraphQLEnumType) -> dict[Any, str]:
    return {each.value: name for name, each in type_.values.items()}


@cache
def _coercer(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    coerce = type_.coerce_output_value

    def coerced(value: Any) -> Any:
        result = None if value is None else coerce(value)
        if result is None or result is Undefined:
            raise Unserialisable
        return result

    return coerced


def _is_moment(type_: GraphQLLeafType) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.serialize is datetime.isoformat


def _passes_unchanged(type_: GraphQLLeafType) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.serialize is unchanged
