"""How a field's resolver is called: with the parent, what it may know, and its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import Enum
from typing import Any

from graphql import FieldNode, GraphQLField
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language.visitor import Visitor, visit
from strawberry import Schema
from strawberry.types.field import StrawberryField

from backend.graphql.execution.errors import Unsupported
from backend.graphql.execution.inputs import Entry, converted, converters

NO_VARIABLES = VariableValues({}, {})
# What a resolver cannot change under the next one's hands.
IMMUTABLE = (str, int, float, bool, datetime, Enum, type(None))


class CallInfo:
    """What a compiled resolver gets as ``info``: the context, and what is read of its records.

    Where it asks for more, graphql-core executes the operation, with an info that has it all.
    """

    __slots__ = ("context", "reads")

    def __init__(self, context: Any, reads: Mapping[Any, frozenset[str] | None]) -> None:
        self.context = context
        self.reads = reads

    def __getattr__(self, name: str) -> Any:
        raise Unsupported(f"info.{name}")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one field of an operation, by the names its resolver gives them."""

    schema: Schema
    definition: GraphQLField
    field: StrawberryField
    node: FieldNode
    _entries: list[Entry] = dataclass_field(default_factory=list)

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """What the resolver is called with; raises where a value does not fit."""
        if not self._entries:
            self._entries.extend(converters(self.schema, self.field.arguments))
        return converted(self._entries, get_argument_values(self.definition, self.node, variables))

    def constant(self) -> Mapping[str, Any] | None:
        """The values, if they are the same whenever the operation is executed."""
        if not self.definition.args:
            return {}
        if _has_variables(self.node):
            return None
        found = self.values(NO_VARIABLES)
        return found if all(isinstance(each, IMMUTABLE) for each in found.values()) else None


def reserved(field: StrawberryField, parent: str, info: str) -> list[str]:
    """The arguments in source that are not the client's: the parent and the info, if wanted."""
    resolver = field.base_resolver
    if resolver is None:
        return []
    named = {
        parameter.name: value
        for parameter, value in (
            (resolver.parent_parameter, parent),
            (resolver.root_parameter, parent),
            (resolver.info_parameter, info),
        )
        if parameter is not None
    }
    first = [parent] if resolver.self_parameter else []
    return first + [f"{name}={value}" for name, value in named.items()]


class _VariableFinder(Visitor):
    found = False

    def enter_variable(self, *_: Any) -> None:
        """Sees one."""
        self.found = True


def _has_variables(node: FieldNode) -> bool:
    finder = _VariableFinder()
    for argument in node.arguments or ():
        visit(argument, finder)
    return finder.found
