"""Variables of the usual kinds, coerced without looking their types up anew for every request.

What is not met here, every mistake among it, is graphql-core's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from backend.graphql.execution.coercion import Coerce, coercer
from backend.graphql.execution.errors import Unsupported
from backend.graphql.limits import PreparedDocument

NO_VARIABLES = VariableValues({}, {})
KEPT = "variables"
ABSENT: Any = object()


class _Variable(NamedTuple):
    name: str
    signature: GraphQLVariableSignature
    coerce: Coerce
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
    """The values coerced; None where graphql-core has to look at one."""
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for name, signature, coerce, required, has_default in variables:
        if name not in given:
            if required or has_default:
                return None
            sources[name] = VariableValueSource(signature)
            continue
        value = given[name]
        found = coerced[name] = coerce(value)
        if found is Undefined:
            return None
        sources[name] = VariableValueSource(signature, value)
    return VariableValues(sources, coerced)


def _usual(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Sequence[_Variable] | None:
    """The variables of an operation; None where one is of another kind."""
    found = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            return None
        try:
            coerce = coercer(signature.type)
        except Unsupported:
            return None
        required, has_default = is_non_null_type(signature.type), node.default_value is not None
        found.append(_Variable(signature.name, signature, coerce, required, has_default))
    return found
