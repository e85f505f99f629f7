"""Operations that select everything there is below a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)

PAGE = 5
"""Of every list, so that everything is not too much."""


class Question(NamedTuple):
    """A document and its variables: the same document for all values that are asked with."""

    text: str
    variables: dict[str, object]


def call(name: str, arguments: Mapping[str, object]) -> str:
    """A field with variables of the same names as its arguments."""
    given = ", ".join(f"{key}: ${key}" for key in arguments)
    return f"{name}({given})" if given else name


class Everything:
    """Writes selections of all fields of a type, down to a depth."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._ambiguous = _ambiguous_names(schema)
        self._written: dict[tuple[str, str, int], str] = {}

    def of_field(self, parent: str, field: str, depth: int) -> str:
        """The selection below a field, with its braces."""
        key = (parent, field, depth)
        if key not in self._written:
            definition = self._schema.type_map[parent].fields[field]  # type: ignore[attr-defined]
            self._written[key] = self._selection(get_named_type(definition.type), depth)
        return self._written[key]

    def _selection(self, type_: GraphQLNamedType, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            kinds = self._schema.get_possible_types(type_)
            parts = [f"... on {kind.name} {self._members(kind, depth, kind)}" for kind in kinds]
            return "{ __typename " + " ".join(parts) + " }"
        if isinstance(type_, GraphQLObjectType):
            return self._members(type_, depth, None)
        return ""

    def _members(
        self, type_: GraphQLObjectType, depth: int, within: GraphQLObjectType | None
    ) -> str:
        fields = []
        for name, field in type_.fields.items():
            written = self._field(name, field, depth)
            # Two types of one union may have fields of one name and different types.
            alias = f"{name}In{within.name}: " if within and name in self._ambiguous else ""
            if written:
                fields.append(alias + written)
        return "{ " + (" ".join(fields) or "__typename") + " }"

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        if any(is_required_argument(argument) for argument in field.args.values()):
            return ""
        inner = get_named_type(field.type)
        called = f"{name}(first: {PAGE})" if "first" in field.args else name
        if not isinstance(inner, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            return called
        return f"{called} {self._selection(inner, depth - 1)}" if depth else ""

    def ask(
        self,
        place: str,
        arguments: Mapping[str, object],
        depth: int,
        *,
        within: Mapping[str, object] | None = None,
    ) -> Question:
        """An operation that calls the field ``Type.field`` with arguments, all of it selected.

        A field of a conversation is asked of the one with the id in ``within``.
        """
        parent, field = place.split(".")
        selection = f"{call(field, arguments)} {self.of_field(parent, field, depth)}"
        types = [(name, self._argument(parent, field, name)) for name in arguments]
        if within is not None:
            selection = f"conversation(id: $within) {{ {selection} }}"
            types.append(("within", "ID!"))
        declared = ", ".join(f"${name}: {type_}" for name, type_ in types)
        kind = "query" if within is not None else parent.lower()
        text = f"{kind} ({declared}) {{ {selection} }}" if declared else f"{kind} {{ {selection} }}"
        return Question(text, {**arguments, **({"within": within["id"]} if within else {})})

    def _argument(self, parent: str, field: str, name: str) -> str:
        definition = self._schema.type_map[parent].fields[field]  # type: ignore[attr-defined]
        return str(definition.args[name].type)


def _ambiguous_names(schema: GraphQLSchema) -> set[str]:
    """Fields that alternatives of one place have under one name and with different types."""
    kinds: dict[str, set[str]] = {}
    for each in schema.type_map.values():
        if isinstance(each, GraphQLUnionType) or each.name == "Node":
            for kind in schema.get_possible_types(each):  # type: ignore[arg-type]
                for name, field in kind.fields.items():
                    kinds.setdefault(name, set()).add(str(field.type))
    return {name for name, types in kinds.items() if len(types) > 1}
