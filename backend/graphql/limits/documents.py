"""Documents kept ready to run: parsed, validated, measured. Seen again, one costs a look-up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLError, GraphQLSchema, specified_rules, validate
from graphql.language import DocumentNode, OperationDefinitionNode
from graphql.validation import ASTValidationRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from backend.graphql.limits.analysis import Analysis, analyse
from backend.graphql.limits.errors import (
    OPERATION_UNKNOWN,
    VALIDATION_FAILED,
    QueryLimitExceeded,
    with_code,
)
from backend.graphql.limits.model import cost_model
from backend.graphql.limits.settings import QueryLimits

CHARACTERS_PER_TOKEN = 100
"""A token with its nodes takes about 500 bytes; text beyond what tokens usually hold weighs too."""


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A valid document within its limits. ``kept`` holds what later stages compile from it."""

    document: DocumentNode
    analysis: Analysis
    weight: int
    kept: dict[str, Any] = field(default_factory=dict)


class Admission(NamedTuple):
    """An operation that may run, and what it costs in points."""

    prepared: PreparedDocument
    operation: OperationDefinitionNode
    cost: int
    maximum: int


class DocumentCache:
    """The documents last used, at most ``max_documents`` of them and ``max_tokens`` in all.

    ``max_tokens`` bounds the memory: 50,000 tokens are about 25 MB. Only what is valid is kept. One
    cache belongs to one event loop.
    """

    def __init__(
        self,
        limits: QueryLimits,
        *,
        rules: Collection[type[ASTValidationRule]] = specified_rules,
        hide_suggestions: bool = False,
        max_documents: int = 1_000,
        max_tokens: int = 50_000,
    ) -> None:
        self.limits = limits
        self._rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
        self._hide_suggestions = hide_suggestions
        self._max_documents = max_documents
        self._max_tokens = max_tokens
        self._tokens = 0
        self._prepared: OrderedDict[tuple[GraphQLSchema, str], PreparedDocument] = OrderedDict()

    @property
    def count(self) -> int:
        """How many documents are kept."""
        return len(self._prepared)

    def find(self, schema: GraphQLSchema, text: str) -> PreparedDocument | None:
        """The document with exactly this text, if it was kept."""
        prepared = self._prepared.get((schema, text))
        if prepared:
            self._prepared.move_to_end((schema, text))
        return prepared

    def prepare(
        self, schema: GraphQLSchema, text: str, document: DocumentNode
    ) -> PreparedDocument | list[GraphQLError]:
        """Measure and validate a document just parsed from ``text``, and keep it if it is valid."""
        try:
            analysis = analyse(document, cost_model(schema, self.limits), self.limits)
        except GraphQLError as error:
            # Its traceback would keep the frames of the analysis alive with the answer.
            return [error.with_traceback(None)]
        errors = validate(
            schema,
            document,
            self._rules,
            max_errors=self.limits.max_errors,
            hide_suggestions=self._hide_suggestions,
        )
        if errors:
            return [with_code(error, VALIDATION_FAILED) for error in errors]
        prepared = PreparedDocument(document, analysis, _weight(text, document))
        self._keep((schema, text), prepared)
        return prepared

    def admit(
        self,
        prepared: PreparedDocument,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> Admission:
        """The operation to run; raises GraphQLError if none is meant or it costs too much."""
        operations = prepared.analysis.operations
        if operation_name is None:
            if len(operations) != 1:
                message = "Must provide operation name if query contains multiple operations."
                raise GraphQLError(message, extensions={"code": OPERATION_UNKNOWN})
            operation_name = next(iter(operations))
        elif operation_name not in operations:
            message = f"Unknown operation named '{operation_name}'."
            raise GraphQLError(message, extensions={"code": OPERATION_UNKNOWN})
        node = operations[operation_name].node
        cost = prepared.analysis.cost(operation_name, variables)
        if cost > self.limits.max_cost:
            raise QueryLimitExceeded("cost", cost, self.limits.max_cost, node)
        return Admission(prepared, node, cost, self.limits.max_cost)

    def _keep(self, key: tuple[GraphQLSchema, str], prepared: PreparedDocument) -> None:
        known = self._prepared.pop(key, None)
        self._tokens += prepared.weight - (known.weight if known else 0)
        self._prepared[key] = prepared
        while len(self._prepared) > self._max_documents or self._tokens > self._max_tokens:
            _, dropped = self._prepared.popitem(last=False)
            self._tokens -= dropped.weight


def cost_report(admission: Admission) -> dict[str, int]:
    """What ``extensions.cost`` of an answer says."""
    return {"requested": admission.cost, "maximum": admission.maximum}


def _weight(text: str, document: DocumentNode) -> int:
    """Counts the tokens, and parts them: linked to both sides they are a ring, which would outlive
    the document until Python looks for rings among what is old."""
    tokens = 0
    token = document.loc.start_token if document.loc else None
    while token:
        tokens += 1
        following, token.prev, token.next = token.next, None, None
        token = following
    return max(tokens, len(text) // CHARACTERS_PER_TOKEN)
