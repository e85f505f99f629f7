"""Variables of the usual kinds, coerced without looking their types up anew for every request.

What is not met here, every mistake among it, is graphql-core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from backend.graphql.limits import PreparedDocument

NO_VARIABLES = VariableValues({}, {})
KEPT = "variables"
ABSENT: Any = object()


class _Variable(NamedTuple):
    """``fits``: whether a value is its own coerced form."""

    name: str
    signature: GraphQLVariableSignature
    fits: Callable[[Any], bool]
    required: bool
    has_default: bool


def coerced_variables(
    schema: GraphQLSchema,
    prepared: PreparedDocument,
    operation: OperationDefinitionNode,
    given: Mapping[str, Any] | None,
) -> VariableValues | None:
    """The values of an operation's variables; None where they do not fit."""
    if not operation.variable_definitions:
        return NO_VARIABLES
    known: dict[int, Sequence[_Variable] | None] = prepared.kept.setdefault(KEPT, {})
    variables = known.get(id(operation), ABSENT)
    if variables is ABSENT:
        variables = known[id(operation)] = _usual(schema, operation)
    values = _taken(variables, given or {}) if variables is not None else None
    if values is not None:
        return values
    found = get_variable_values(
        schema, operation.variable_definitions, dict(given or {}), max_errors=1
    )
    return found if isinstance(found, VariableValues) else None


def _taken(variables: Sequence[_Variable], given: Mapping[str, Any]) -> VariableValues | None:
    """The values as they are; None where one has to be coerced, or refused."""
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for name, signature, fits, required, has_default in variables:
        if name not in given:
            if required or has_default:
                return None
            sources[name] = VariableValueSource(signature)
            continue
        value = given[name]
        if required if value is None else not fits(value):
            return None
        sources[name] = VariableValueSource(signature, value)
        coerced[name] = value
    return VariableValues(sources, coerced)


def _usual(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Sequence[_Variable] | None:
    """The variables of an operation; None where one is of another kind."""
    found = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            return None
        type_: Any = signature.type
        required = is_non_null_type(type_)
        fits = _FITS.get(type_.of_type if required else type_)
        if fits is None:
            return None
        has_default = node.default_value is not None
        found.append(_Variable(signature.name, signature, fits, required, has_default))
    return found


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and -2147483648 <= value <= 2147483647


def _is_bool(value: Any) -> bool:
    return type(value) is bool


_FITS: dict[Any, Callable[[Any], bool]] = {
    GraphQLString: _is_text,
    GraphQLID: _is_text,
    GraphQLInt: _is_int,
    GraphQLBoolean: _is_bool,
}
