"""From coerced input values to what resolvers take, by functions made once for each type.

Strawberry's own way resolves the types of all fields anew for every value, 0.3 ms for one message.
What is not met here goes that way: an argument of another kind is converted by it as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING
from functools import partial
from typing import Any

from strawberry import UNSET, Schema
from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition

from backend.graphql.execution.errors import Unsupported

Convert = Callable[[Any], Any]
Entry = tuple[str, str, Convert]
"""The name in the schema, the one in Python, and how a value is converted."""


def converters(schema: Schema, arguments: list[StrawberryArgument]) -> tuple[Entry, ...]:
    """How each argument of a field is converted."""
    names = schema.schema_converter.config.name_converter
    return tuple(
        (names.from_argument(each), each.python_name, _argument(schema, each)) for each in arguments
    )


def are_taken_as_given(entries: Sequence[Entry]) -> bool:
    """Whether the coerced values are what the resolver takes, under the same names."""
    return all(name == python and convert is _same for name, python, convert in entries)


def converted(entries: Sequence[Entry], given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that are given, by their names in Python."""
    return {python: convert(given[name]) for name, python, convert in entries if name in given}


def _argument(schema: Schema, argument: StrawberryArgument) -> Convert:
    try:
        return _of(schema, argument.type)
    except Unsupported:
        converter = schema.schema_converter
        return partial(
            convert_argument,
            type_=argument.type,
            scalar_registry=converter.scalar_registry,
            config=converter.config,
        )


def _of(schema: Schema, type_: Any, above: tuple[Any, ...] = ()) -> Convert:
    if isinstance(type_, StrawberryMaybe):
        raise Unsupported("a value that may be left out")
    if isinstance(type_, StrawberryOptional):
        return _of(schema, type_.of_type, above)
    if isinstance(type_, StrawberryList):
        return _list(_of(schema, type_.of_type, above))
    if _is_leaf(schema, type_):
        return _same
    if has_object_definition(type_):
        return _object(schema, type_, type_.__strawberry_definition__, above)
    raise Unsupported("a kind of input")


def _is_leaf(schema: Schema, type_: Any) -> bool:
    if type_ is GlobalID:
        return False
    is_enum = isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_)
    return is_enum or is_scalar(type_, schema.schema_converter.scalar_registry)


def _same(value: Any) -> Any:
    return value


def _list(convert: Convert) -> Convert:
    def convert_list(value: Any) -> Any:
        # Copied also where nothing is converted: a default is the same list every time.
        return value if value is None or value is UNSET else [convert(each) for each in value]

    return convert_list


def _object(
    schema: Schema, type_: type, definition: StrawberryObjectDefinition, above: tuple[Any, ...]
) -> Convert:
    if definition.from_input is not None or not definition.is_input or type_ in above:
        raise Unsupported("an input that is made in another way, or within itself")
    names = schema.schema_converter.config.name_converter
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    entries = tuple(
        (
            names.from_field(field),
            field.python_name,
            _of(schema, field.resolve_type(type_definition=definition), (*above, type_)),
        )
        for field in definition.fields
    )

    def convert_object(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        return type_(**(absent | converted(entries, value)))

    return convert_object
