"""Runs subscriptions: the events of a source, each executed once for all who ask the same of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple, cast

import orjson
from graphql import GraphQLError, GraphQLSchema
from graphql.execution import (
    ExecutionResult,
    Executor,
    create_source_event_stream,
    execute_subscription_event,
)
from graphql.language import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    VariableNode,
)
from graphql.language.visitor import Visitor, visit

from backend.errors import ConversaError
from backend.graphql.context import Context
from backend.graphql.errors import expected, shown
from backend.graphql.outlets import Answers

Execute = Callable[[Any, Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Rendered(NamedTuple):
    """An answer as JSON, and the event it is about."""

    payload: bytes
    event: Any

    @property
    def cursor(self) -> str | None:
        """Where to resume after the event, where it says so."""
        cursor: str | None = getattr(self.event, "cursor", None)
        return cursor


class StreamFailed(Exception):
    """A stream that could not begin or go on; ``errors`` are as clients see them."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


async def stream(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    context: Context,
    execute: Execute,
    *,
    hide_suggestions: bool = False,
) -> AsyncGenerator[Rendered, None]:
    """The answers of a validated subscription, until it ends; raises StreamFailed.

    Events that followers share are executed for the first of those who ask the same, and the bytes
    are kept with the event for the others. ``execute`` answers for an event, with the help of what
    graphql-core would answer.
    """
    executor = Executor.build(
        schema,
        document,
        context_value=context,
        raw_variable_values=dict(variables),
        operation_name=operation.name.value if operation.name else None,
        hide_suggestions=hide_suggestions,
    )
    if isinstance(executor, list):
        raise StreamFailed([shown(error) for error in executor])

    async def render(event: Any) -> bytes:
        return await _rendered(executor, event, question, execute)

    question = _question(document, operation, variables)
    context.answers = Answers(question, render)
    async with aclosing(await _source(executor)) as events:
        while True:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            except ConversaError as error:
                raise StreamFailed([expected(error)]) from None
            yield Rendered(await render(event), event)


def answer_once(result: Any) -> bytes:
    """The answer of a query or mutation as JSON; its errors are as clients see them already."""
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        answer["extensions"] = result.extensions
    return orjson.dumps(answer)


async def _source(executor: Any) -> AsyncGenerator[Any, None]:
    found = create_source_event_stream(executor)
    source: Any = await cast(Any, found) if executor.is_awaitable(found) else found
    if isinstance(source, ExecutionResult):
        raise StreamFailed([shown(error) for error in source.errors or []])
    return cast(AsyncGenerator[Any, None], cast(AsyncIterable[Any], source))


async def _rendered(executor: Any, event: Any, question: bytes, execute: Execute) -> bytes:
    change = getattr(event, "change", None)
    if change is None:
        return await _answer(executor, event, execute)
    kept: dict[bytes, bytes | asyncio.Future[None]] = change.rendered
    while (found := kept.get(question)) is not None:
        if isinstance(found, bytes):
            return found
        # Who makes it may fail, or go meanwhile: that is nothing to the others.
        await asyncio.wait((found,))
    promise = kept[question] = asyncio.get_running_loop().create_future()
    try:
        answer = kept[question] = await _answer(executor, event, execute)
    except BaseException:
        del kept[question]
        raise
    finally:
        promise.cancel()
    return answer


async def _answer(executor: Any, event: Any, execute: Execute) -> bytes:
    async def by_graphql_core() -> Any:
        result: Any = execute_subscription_event(executor.build_per_event_executor(event))
        return await result if executor.is_awaitable(result) else result

    result = await execute(event, by_graphql_core)
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [shown(error).formatted for error in result.errors]
    return orjson.dumps(answer)


def _question(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> bytes:
    """What tells one answer to an event from another: the document, the operation, the variables.

    The variable that says where to begin is left out, if it says nothing else: followers who
    joined at different places ask the same from then on.
    """
    name = operation.name.value if operation.name else ""
    start = _start_variable(operation)
    if start is not None and _uses(document, start) > 1:
        start = None
    given = {key: value for key, value in variables.items() if key != start}
    source = document.loc.source.body if document.loc else str(id(document))
    return orjson.dumps([source, name, given], option=orjson.OPT_SORT_KEYS, default=str)


def _start_variable(operation: OperationDefinitionNode) -> str | None:
    for field in operation.selection_set.selections:
        if isinstance(field, FieldNode):
            for argument in field.arguments or ():
                if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                    return argument.value.name.value
    return None


def _uses(document: DocumentNode, name: str) -> int:
    counter = _VariableUses(name)
    visit(document, counter)
    return counter.count


class _VariableUses(Visitor):
    """Counts where a variable stands, its definition aside."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.count = -1

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Looks at one variable."""
        self.count += node.name.value == self._name
