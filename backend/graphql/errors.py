"""Errors on their way out: expected ones with their code, all others masked under an id."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from typing import Any, Protocol, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from backend.errors import Conflict, ConversaError, NotFound, OffsetMismatch
from backend.graphql.context import Info
from backend.graphql.fields import leaf
from backend.graphql.types.enums import UserErrorCode
from backend.ids import new_id

logger = logging.getLogger("conversa.graphql")


@strawberry.type(description="An expected failure of a mutation.")
class UserError:
    code: UserErrorCode = leaf("What kind of failure, for programs.")
    message: str = leaf("What went wrong and what to do, for people.")
    field: list[str] | None = leaf("The path of the input at fault; null where it is none.")
    current_revision: int | None = leaf("On CONFLICT: the stored revision.", default=None)
    expected_offset: int | None = leaf(
        "On OFFSET_MISMATCH: where the next text must start.", default=None
    )


@strawberry.interface(description="What every mutation answers: what changed, or why nothing did.")
class Payload:
    user_errors: list[UserError] = leaf("Expected failures; empty where it succeeded.")


class MakesPayload(Protocol):
    """A payload class whose other fields may be left out."""

    def __call__(self, *, user_errors: list[UserError]) -> Any: ...


Result = TypeVar("Result")


SUBJECTS = ("conversation_id", "message_id", "id")
"""What an input calls the one thing it is about, where it is about one; the first that it has."""


async def payload(
    info: Info, given: object, make: type[Result], action: Awaitable[Result]
) -> Result:
    """What the action answers, or a payload that says why it did nothing to what was given.

    What the loaders have read for an earlier mutation of the operation may no longer be so.
    """
    try:
        return await action
    except ConversaError as error:
        if error.code not in UserErrorCode.__members__:
            raise
        if isinstance(error, NotFound) and not error.field:
            error.field = tuple(name for name in SUBJECTS if hasattr(given, name))[:1]
        return make(user_errors=[user_error(error)])  # type: ignore[call-arg]
    finally:
        info.context.renew()


def user_error(error: ConversaError) -> UserError:
    """An expected failure as clients see it."""
    return UserError(
        code=UserErrorCode(error.code),
        message=error.message,
        field=["input", *map(camel_case, error.field)] if error.field else None,
        current_revision=error.current_revision if isinstance(error, Conflict) else None,
        expected_offset=error.expected_offset if isinstance(error, OffsetMismatch) else None,
    )


def camel_case(name: str) -> str:
    """A name of Python's as the schema writes it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class ErrorMasker(SchemaExtension):
    """Gives expected failures their code and hides everything else behind an id the log has."""

    def on_operation(self) -> Iterator[None]:
        """Runs once the operation has its result."""
        yield
        result: Any = self.execution_context.result
        initial = getattr(result, "initial_result", result)
        if initial is not None and getattr(initial, "errors", None):
            initial.errors = [shown(error) for error in initial.errors]


def expected(error: ConversaError) -> GraphQLError:
    """An expected failure that is about no field in particular, as clients see it."""
    return GraphQLError(error.message, extensions={"code": error.code, "field": list(error.field)})


def shown(error: GraphQLError) -> GraphQLError:
    """The error as clients see it."""
    cause = error.original_error
    if isinstance(cause, ConversaError):
        return _recast(error, cause.message, {"code": cause.code, "field": list(cause.field)})
    if cause is None or isinstance(cause, GraphQLError):
        return error
    error_id = new_id()
    logger.error("unexpected error %s at %s", error_id, error.path, exc_info=cause)
    message = f"Something unexpected went wrong; the log has it under {error_id}."
    return _recast(error, message, {"code": "INTERNAL", "id": error_id})


def _recast(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
