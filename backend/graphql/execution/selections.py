"""What an operation selects, for one set of values of ``@skip`` and ``@include``.

It is found by graphql-core's own ``collect_fields``, so that fields are merged as they are there.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphql import (
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.language import DocumentNode
from strawberry.types.field import StrawberryField

from backend.graphql.execution.errors import Unsupported

DEFINITION = "strawberry-definition"
Details = Sequence[FieldDetails]
Fields = dict[str, list[FieldDetails]]
"""By response key, the places of the document that select it."""


class Selections:
    """The fields of one operation, ``count`` of them asked for so far; more than ``most`` are
    Unsupported, as is whatever the compiler has no code for."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        most: int,
    ) -> None:
        self.count = 0
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._most = most
        self._fragments = {
            each.name.value: FragmentDetails(each)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def root(self, type_: GraphQLObjectType) -> Fields:
        """The operation's own."""
        return collect_fields(
            self._schema, self._fragments, self._variables, type_, self._operation
        ).grouped_field_set

    def below(self, type_: GraphQLObjectType, details: Details) -> Fields:
        """Those of an object of this type, in a field selected at these places."""
        return collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, list(details)
        ).grouped_field_set

    def definition(
        self, parent: GraphQLObjectType, details: Details
    ) -> tuple[GraphQLField, StrawberryField | None]:
        """A field's definition, which is counted; Strawberry's is None for ``__typename``."""
        self.count += 1
        if self.count > self._most:
            raise Unsupported("so many fields")
        return self.field(parent, details)

    def field(
        self, parent: GraphQLObjectType, details: Details
    ) -> tuple[GraphQLField, StrawberryField | None]:
        """The same, uncounted."""
        first = details[0]
        name = first.node.name.value
        definition = self._schema.get_field(parent, name)
        if definition is None or first.fragment_variable_values:
            raise Unsupported(name)
        if name == "__typename":
            return definition, None
        field = definition.extensions.get(DEFINITION)
        if not isinstance(field, StrawberryField) or field.extensions:
            raise Unsupported(name)
        return definition, field
