"""What a schema offers somebody who has another's ids and cursors, and what of it was tried."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    visit,
)

NAMING = ("ID", "Cursor")
"""Types of values that name something stored."""
OTHERS_THAT_NAME = {"Mutation.importConversations(input.data)"}
"""Arguments of other types in which such values can stand."""


def fields_of(schema: GraphQLSchema) -> set[str]:
    """Every field of every object type, as ``Type.field``."""
    return {
        f"{name}.{field}"
        for name, each in schema.type_map.items()
        if isinstance(each, GraphQLObjectType) and not name.startswith("__")
        for field in each.fields
    }


def places_of(schema: GraphQLSchema) -> set[str]:
    """Every place for an id or a cursor, as ``Type.field(path.of.argument)``."""
    found = set(OTHERS_THAT_NAME)
    for name, each in schema.type_map.items():
        if isinstance(each, GraphQLObjectType) and not name.startswith("__"):
            for field, definition in each.fields.items():
                for argument, given in definition.args.items():
                    paths = _naming(given.type, (argument,), ())
                    found |= {f"{name}.{field}({path})" for path in paths}
    return found


class Tried:
    """Collects the fields that documents select, and the places where secrets are put."""

    def __init__(self, schema: GraphQLSchema, secrets: Collection[str]) -> None:
        self._schema = schema
        self._secrets = secrets
        self._uses: dict[str, list[Use]] = {}
        self.fields: set[str] = set()
        self.places: set[str] = set()

    def add(self, text: str, variables: Mapping[str, object]) -> None:
        """Reads a document all of whose values are variables."""
        if text not in self._uses:
            walk = _Walk(info := TypeInfo(self._schema))
            visit(parse(text), TypeInfoVisitor(info, walk))
            self._uses[text] = walk.uses
            self.fields |= walk.fields
        for use in self._uses[text]:
            for path, value in _texts(variables[use.variable], (use.argument,)):
                if any(secret in value for secret in self._secrets):
                    self.places |= {f"{use.field}({short})" for short in _prefixes(path)}


class Use(NamedTuple):
    """A variable as the argument of a field."""

    field: str
    argument: str
    variable: str


class _Walk(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.fields: set[str] = set()
        self.uses: list[Use] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._info.get_parent_type()
        if parent is None or self._info.get_field_def() is None:
            return
        place = f"{parent.name}.{node.name.value}"
        self.fields.add(place)
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.uses.append(Use(place, argument.name.value, argument.value.name.value))


def _prefixes(path: tuple[str, ...]) -> Iterator[str]:
    """A text deep in a value that has no type of its own counts for the value."""
    for length in range(1, len(path) + 1):
        yield ".".join(path[:length])


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, path)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, (*path, name))


def _naming(
    type_: GraphQLInputType, path: tuple[str, ...], above: tuple[str, ...]
) -> Iterator[str]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        if named.name not in above:
            for field, definition in named.fields.items():
                yield from _naming(definition.type, (*path, field), (*above, named.name))
    elif named.name in NAMING:
        yield ".".join(path)
