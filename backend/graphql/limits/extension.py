"""The way into Strawberry: an extension that serves parse and validation from the document cache.

It uses the two hooks whose work Strawberry then leaves out: a document set before parsing is not
parsed, and a list of errors set before validation, empty or not, is not asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from graphql import GraphQLError
from graphql.language import DocumentNode
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionContext

from backend.graphql.limits.documents import (
    Admission,
    DocumentCache,
    PreparedDocument,
    cost_report,
)
from backend.graphql.limits.errors import (
    PARSE_FAILED,
    QueryLimitExceeded,
    with_code,
)


def asks_for_cost(context: ExecutionContext) -> bool:
    """Whether the request carries ``"extensions": {"cost": true}``."""
    return (context.operation_extensions or {}).get("cost") is True


class DocumentExtension(SchemaExtension):
    """Give it to the schema as ``partial(DocumentExtension, documents)``; one is made per request.

    ``on_admitted`` is called with every operation that is about to run and what it costs; a
    GraphQLError it raises refuses the operation, in the place of a validation error.
    """

    def __init__(
        self,
        documents: DocumentCache,
        on_admitted: Callable[[ExecutionContext, Admission], None] | None = None,
        reports_cost: Callable[[ExecutionContext], bool] = asks_for_cost,
    ) -> None:
        super().__init__()
        self._documents = documents
        self._on_admitted = on_admitted
        self._reports_cost = reports_cost
        self._prepared: PreparedDocument | None = None
        self._admission: Admission | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = self._documents.limits.max_tokens
        if context.query and context.graphql_document is None:
            self._prepared = self._documents.find(context.schema._schema, context.query)
            if self._prepared:
                context.graphql_document = self._prepared.document
        yield
        if context.graphql_document is None and context.pre_execution_errors:
            for error in context.pre_execution_errors:
                self._describe(error)

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        try:
            context.pre_execution_errors = self._admit(context)
        except GraphQLError as error:
            context.pre_execution_errors = [error.with_traceback(None)]
        yield

    def get_results(self) -> dict[str, Any]:
        if self._admission and self._reports_cost(self.execution_context):
            return {"cost": cost_report(self._admission)}
        return {}

    def _admit(self, context: ExecutionContext) -> list[GraphQLError]:
        # Validation starts only when parsing has left a document.
        document = cast(DocumentNode, context.graphql_document)
        prepared = self._prepared or self._documents.prepare(
            context.schema._schema, context.query or "", document
        )
        if isinstance(prepared, list):
            return prepared
        # The public property answers with the first operation's name where none was given.
        name = context._provided_operation_name
        self._admission = self._documents.admit(prepared, name, context.variables)
        if self._on_admitted:
            self._on_admitted(context, self._admission)
        return []

    def _describe(self, error: GraphQLError) -> None:
        maximum = self._documents.limits.max_tokens
        if f"more than {maximum} tokens" in error.message:
            limit = QueryLimitExceeded("tokens", maximum + 1, maximum)
            error.message, error.extensions = limit.message, limit.extensions
        else:
            with_code(error, PARSE_FAILED)


class WithoutSuggestions(StrawberryGraphQLCoreExecutionContext):
    """For ``execution_context_class``: refuses wrong variables without naming right ones."""

    @classmethod
    def build(cls, *args: Any, **options: Any) -> Any:
        return super().build(*args, **{**options, "hide_suggestions": True})
