"""Why a document is refused before it runs, in a form a client can act on."""

from __future__ import annotations

from collections.abc import Iterable

from graphql import GraphQLError
from graphql.language import Node
from graphql.validation.validate import ValidationAbortedError

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNKNOWN = "OPERATION_RESOLUTION_FAILURE"

_NOUNS = {
    "tokens": "tokens",
    "depth": "levels of fields",
    "aliases": "aliases",
    "directives": "directives",
    "directivesPerLocation": "directives in one place",
    "rootFields": "fields at the root",
    "complexity": "steps to analyse",
    "cost": "cost points",
}


class QueryLimitExceeded(ValidationAbortedError):
    """A limit was passed: ``extensions`` name the ``limit``, the ``value`` and the ``maximum``.

    Counting stops where the limit is passed, so ``value`` is the whole amount for ``cost`` alone
    and a lower bound for the others. Raised inside a validation it ends that validation, before
    the rules whose time grows with the square of the document see the document.
    """

    def __init__(
        self, limit: str, value: int, maximum: int, nodes: Iterable[Node] | Node | None = None
    ) -> None:
        super().__init__(
            f"The operation takes {value} {_NOUNS[limit]}; at most {maximum} are allowed.",
            list(nodes) if isinstance(nodes, Iterable) else nodes,
            extensions={
                "code": LIMIT_EXCEEDED,
                "limit": limit,
                "value": value,
                "maximum": maximum,
            },
        )


def with_code(error: GraphQLError, code: str) -> GraphQLError:
    """The same error, carrying a code if it had none."""
    error.extensions = {"code": code, **(error.extensions or {})}
    return error
