"""From a request to its result: the document found, prepared, admitted, and executed.

Every transport goes this way. Nothing here knows of HTTP or of sockets.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from graphql import GraphQLError, parse, specified_rules
from graphql.error import GraphQLSyntaxError
from graphql.language import DocumentNode
from graphql.validation import ASTValidationRule, NoSchemaIntrospectionCustomRule
from strawberry.types import ExecutionResult

from backend.graphql.documents import Documents
from backend.graphql.errors import shown
from backend.graphql.execution.executor import CompiledExecution
from backend.graphql.limits import (
    Admission,
    DocumentCache,
    PreparedDocument,
    QueryLimitExceeded,
    QueryLimits,
    WithoutSuggestions,
)
from backend.graphql.parameters import Parameters
from backend.graphql.subscribing import Rendered, stream

if TYPE_CHECKING:
    from strawberry import Schema

    from backend.graphql.context import Context

MAX_DOCUMENT_CHARACTERS = 65_536
"""The lexer takes about a microsecond a character: what is longer belongs into a variable."""

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
OPERATION_UNKNOWN = "OPERATION_RESOLUTION_FAILURE"
INTERNAL = "INTERNAL"


class Stage(Enum):
    """Where a request failed before anything was executed."""

    LOOKUP = "lookup"
    SYNTAX = "syntax"
    VALIDATION = "validation"
    SELECTION = "selection"
    VARIABLES = "variables"
    FAULT = "fault"
    """Not the request's: something of ours went wrong."""


class Rejected(Exception):
    """The request is well formed and will not be executed; ``errors`` say why."""

    def __init__(self, stage: Stage, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.stage = stage
        self.errors = errors


class Operations:
    """Admits and executes the operations of one schema.

    In production a schema is not shown: neither by introspection nor by suggestions in errors.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        limits: QueryLimits | None = None,
        documents: Documents | None = None,
        production: bool = False,
    ) -> None:
        self.documents = documents or Documents()
        self._schema = _without_suggestions(schema) if production else schema
        self._core = schema._schema
        self._production = production
        self.execution = CompiledExecution(self._schema)
        self._limits = limits or QueryLimits()
        self._cache = DocumentCache(
            self._limits, rules=_rules(production), hide_suggestions=production
        )

    def admit(self, parameters: Parameters) -> Admission:
        """The operation that a request means; raises Malformed, or Rejected."""
        try:
            text = self.documents.text_of(parameters)
        except GraphQLError as error:
            raise Rejected(Stage.LOOKUP, [error]) from None
        admission = self._admitted(self.prepare(text), parameters)
        if parameters.extensions:
            self.documents.register(parameters)
        return admission

    def prepare(self, text: str) -> PreparedDocument:
        """A document parsed, validated and measured, from the cache if it was seen; or Rejected."""
        prepared = self._cache.find(self._core, text)
        if prepared is not None:
            return prepared
        found = self._cache.prepare(self._core, text, self._parsed(text))
        if isinstance(found, list):
            raise Rejected(Stage.VALIDATION, found)
        return found

    async def execute(
        self, admission: Admission, parameters: Parameters, context: Context
    ) -> ExecutionResult:
        """The result of a query or mutation, its errors as clients may see them."""

        async def reference(schema: Schema) -> ExecutionResult:
            context.admission = admission
            return await schema.execute(
                _text(admission),
                parameters.variables,
                context,
                operation_name=parameters.operation_name,
                operation_extensions=parameters.extensions,
            )

        result = await self.execution.execute(admission, parameters.variables, context, reference)
        if result.errors:
            result.errors = [shown(error) for error in result.errors]
        return result

    def subscribe(
        self, admission: Admission, parameters: Parameters, context: Context
    ) -> AsyncGenerator[Rendered, None]:
        """The answers of a subscription; raises StreamFailed as it begins or on the way."""
        context.admission = admission
        document, variables = admission.prepared.document, parameters.variables or {}
        return stream(
            self._core,
            document,
            admission.operation,
            variables,
            context,
            partial(self.execution.execute_event, admission, variables, context),
            hide_suggestions=self._production,
        )

    def _parsed(self, text: str) -> DocumentNode:
        maximum = self._limits.max_tokens
        try:
            return parse(text, max_tokens=maximum, max_source_length=MAX_DOCUMENT_CHARACTERS)
        except GraphQLSyntaxError as error:
            if f"more than {maximum} tokens" in error.message:
                raise _syntax(QueryLimitExceeded("tokens", maximum + 1, maximum)) from None
            error.extensions = {"code": PARSE_FAILED}
            raise _syntax(error) from None

    def _admitted(self, prepared: PreparedDocument, parameters: Parameters) -> Admission:
        try:
            return self._cache.admit(prepared, parameters.operation_name, parameters.variables)
        except GraphQLError as error:
            unknown = (error.extensions or {}).get("code") == OPERATION_UNKNOWN
            stage = Stage.SELECTION if unknown else Stage.VALIDATION
            raise Rejected(stage, [error.with_traceback(None)]) from None


def failed_stage(result: ExecutionResult) -> Stage | None:
    """Where a result that was never executed failed; None where it was executed."""
    if result.data is not None or not result.errors or result.errors[0].path is not None:
        return None
    # Variables are checked last; but what an extension raises has no path either.
    code = (result.errors[0].extensions or {}).get("code")
    return Stage.FAULT if code == INTERNAL else Stage.VARIABLES


def _text(admission: Admission) -> str:
    location = admission.operation.loc
    return location.source.body if location else ""


def _rules(production: bool) -> tuple[type[ASTValidationRule], ...]:
    hidden = (NoSchemaIntrospectionCustomRule,) if production else ()
    return (*specified_rules, *hidden)


def _without_suggestions(schema: Schema) -> Schema:
    schema = copy.copy(schema)
    schema.execution_context_class = WithoutSuggestions
    return schema


def _syntax(error: GraphQLError) -> Rejected:
    return Rejected(Stage.SYNTAX, [error.with_traceback(None)])
