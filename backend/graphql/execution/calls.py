"""How a field's resolver is called: with the parent, what it may know, and its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLArgument, GraphQLField, is_non_null_type, is_required_argument
from graphql.execution.values import VariableValues, coerce_argument, get_argument_values
from graphql.language import ArgumentNode, ValueNode, VariableNode
from graphql.language.visitor import Visitor, visit
from strawberry import Schema
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from backend.graphql.execution.errors import Unsupported
from backend.graphql.execution.foresight import Below, Foresight
from backend.graphql.execution.inputs import (
    Entry,
    are_taken_as_given,
    converted,
    converters,
)
from backend.graphql.execution.source import Source
from backend.graphql.execution.variables import ABSENT, NO_VARIABLES

# What a resolver cannot change under the next one's hands.
IMMUTABLE = (str, int, float, bool, datetime, Enum, type(None))


class CallInfo:
    """What a compiled resolver gets as ``info``: the context, what is read of its records, and what
    it foresees.

    Where it asks for more, graphql-core executes the operation, with an info that has it all.
    """

    __slots__ = ("context", "foresight", "reads")

    def __init__(
        self,
        context: Any,
        reads: Mapping[Any, frozenset[str] | None],
        foresight: Foresight | None = None,
    ) -> None:
        self.context = context
        self.reads = reads
        self.foresight = foresight

    def __getattr__(self, name: str) -> Any:
        raise Unsupported(f"info.{name}")


class _FromVariable(NamedTuple):
    """An argument that is a variable as it stands. ``default`` is ABSENT where there is none."""

    name: str
    variable: str
    nullable: bool
    required: bool
    default: Any


class Arguments:
    """The arguments of one field of an operation, by the names its resolver gives them."""

    __slots__ = (
        "_as_given",
        "_constants",
        "_definition",
        "_entries",
        "_field",
        "_from",
        "_node",
        "_schema",
    )

    def __init__(
        self, schema: Schema, definition: GraphQLField, field: StrawberryField, node: FieldNode
    ) -> None:
        self._schema = schema
        self._definition = definition
        self._field = field
        self._node = node
        self._entries: Sequence[Entry] | None = None
        self._as_given = False
        self._constants: dict[str, Any] = {}
        self._from: Sequence[_FromVariable] | None = None

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """What the resolver is called with; raises where a value does not fit."""
        if self._entries is None:
            self._entries = converters(self._schema, self._field.arguments)
            self._as_given = are_taken_as_given(self._entries)
            self._sort()
        given = self._taken(variables.coerced)
        if given is None:
            given = get_argument_values(self._definition, self._node, variables)
        return given if self._as_given else converted(self._entries, given)

    def constant(self) -> Mapping[str, Any] | None:
        """The values, if they are the same whenever the operation is executed."""
        if not self._definition.args:
            return {}
        if any(_has_variables(each.value) for each in self._node.arguments or ()):
            return None
        found = self.values(NO_VARIABLES)
        return found if all(isinstance(each, IMMUTABLE) for each in found.values()) else None

    def _taken(self, coerced: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values, as they stand in the operation and in its variables; None where graphql-core
        has to look at them, which says what is wrong."""
        if self._from is None:
            return None
        given = self._constants.copy()
        for name, variable, nullable, required, default in self._from:
            if variable in coerced:
                value = given[name] = coerced[variable]
                if value is None and not nullable:
                    return None
            elif required:
                return None
            elif default is not ABSENT:
                given[name] = default
        return given

    def _sort(self) -> None:
        """Finds what is always the same, and what comes from variables as they stand."""
        nodes = {each.name.value: each for each in self._node.arguments or ()}
        found: list[_FromVariable] = []
        for name, argument in self._definition.args.items():
            node = nodes.get(name)
            if node is not None and isinstance(node.value, VariableNode):
                found.append(self._from_variable(name, argument, node.value.name.value))
            elif node is not None and _has_variables(node.value):
                return
            else:
                self._set(self._constants, name, argument, node)
        self._from = found

    def _set(
        self, into: dict[str, Any], name: str, argument: GraphQLArgument, given: ArgumentNode | None
    ) -> None:
        coerce_argument(into, self._node, name, argument, given, NO_VARIABLES, None)

    def _from_variable(self, name: str, argument: GraphQLArgument, variable: str) -> _FromVariable:
        required = is_required_argument(argument)
        default: dict[str, Any] = {}
        if not required:
            self._set(default, name, argument, None)
        nullable = not is_non_null_type(argument.type)
        return _FromVariable(name, variable, nullable, required, default.get(name, ABSENT))


class Calls:
    """Calls of resolvers, as source. ``dynamic`` are the arguments that take variables."""

    def __init__(self, schema: Schema, source: Source) -> None:
        self.dynamic: list[Arguments] = []
        self._schema = schema
        self._source = source

    def arguments(
        self, definition: GraphQLField, field: StrawberryField, node: FieldNode
    ) -> Mapping[str, Any] | int:
        """A field's arguments where they are always the same, or else their number in a run."""
        arguments = Arguments(self._schema, definition, field, node)
        constant = arguments.constant()
        if constant is None:
            self.dynamic.append(arguments)
            return len(self.dynamic) - 1
        return constant

    def call(
        self, field: StrawberryField, arguments: Mapping[str, Any] | int, parent: str, info: str
    ) -> str:
        """An expression for what a field's resolver returns."""
        resolver, bind = field.base_resolver, self._source.bind
        if resolver is None:
            raise Unsupported("a field without a resolver")
        given = _reserved(resolver, parent, info)
        if isinstance(arguments, int):
            given.append(f"**s.arguments({arguments})")
        else:
            given += [f"{name}={bind('given', value)}" for name, value in arguments.items()]
        return f"{bind('resolve', resolver.wrapped_func)}({', '.join(given)})"

    def info(self, reads: Mapping[Any, frozenset[str] | None], ahead: Below | None) -> str:
        """An expression for the info of a resolver of whose records so much is read."""
        bind = self._source.bind
        if ahead is not None:
            return f"s.informed({bind('reads', reads)}, {bind('ahead', ahead)})"
        return f"s.informed({bind('reads', reads)})" if reads else "s.info"


def _reserved(resolver: StrawberryResolver[Any], parent: str, info: str) -> list[str]:
    """The arguments in source that are not the client's: the parent and the info, if wanted."""
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


def _has_variables(node: ValueNode) -> bool:
    finder = _VariableFinder()
    visit(node, finder)
    return finder.found
