"""Executes operations both ways and compares the bytes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from graphql.execution import Executor, execute_subscription_event
from strawberry.extensions import SchemaExtension

from backend.graphql.context import Context
from backend.graphql.http.answers import result_body
from backend.graphql.limits import Admission, QueryLimits
from backend.graphql.operations import Operations, Rejected
from backend.graphql.parameters import Parameters
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.graphql.execution.leftovers import collected

LIMITS = QueryLimits(
    max_tokens=100_000,
    max_depth=50,
    max_aliases=10_000,
    max_directives=10_000,
    max_root_fields=1_000,
    max_complexity=10**7,
    max_cost=10**12,
)


class Bystander(SchemaExtension):
    """Does nothing; with an extension of which nothing is known, graphql-core executes all."""


def _by_graphql_core() -> Operations:
    reference = copy.copy(schema)
    reference.extensions = (*schema.extensions, Bystander)
    return Operations(reference, limits=LIMITS)


@dataclass
class Both:
    """The two ways of execution over one database."""

    services: Services
    viewer: Viewer
    compiled: Operations = field(default_factory=lambda: Operations(schema, limits=LIMITS))
    reference: Operations = field(default_factory=_by_graphql_core)

    async def answers(self, text: str, variables: dict[str, Any]) -> tuple[bytes, bytes] | None:
        """The compiled answer and graphql-core's; None where the operation is not valid."""
        try:
            mine = await self.answer(self.compiled, text, variables)
        except Rejected:
            return None
        return mine, await self.answer(self.reference, text, variables)

    async def event_answers(
        self, text: str, variables: dict[str, Any], events: Sequence[Any]
    ) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """The compiled answers to events, and graphql-core's."""
        admission = self.compiled.admit(Parameters(query=text, variables=variables))
        given = (admission, variables, events)
        compiled = await collected(self._event_bodies(self.compiled, *given))
        return compiled, await collected(self._event_bodies(self.reference, *given))

    async def _event_bodies(
        self,
        operations: Operations,
        admission: Admission,
        variables: dict[str, Any],
        events: Sequence[Any],
    ) -> list[bytes]:
        bodies = []
        for event in events:
            context = Context(self.services, self.viewer, streaming=True)
            refer = partial(_by_executor, admission, variables, context, event)
            execute = operations.execution.execute_event
            result = await execute(admission, variables, context, event, refer)
            bodies.append(_sorted(result_body(result)))
        return bodies

    async def compiled_answer(self, text: str, variables: dict[str, Any] | None = None) -> Any:
        """The compiled answer, as JSON."""
        return await self.json(self.compiled, text, variables)

    async def json(
        self, operations: Operations, text: str, variables: dict[str, Any] | None = None
    ) -> Any:
        """The answer of one way, as JSON."""
        return orjson.loads(await self.answer(operations, text, variables or {}))

    async def answer(self, operations: Operations, text: str, variables: dict[str, Any]) -> bytes:
        """The answer of one way; raises Rejected."""
        parameters = Parameters(query=text, variables=variables)
        admission = operations.admit(parameters)
        return (await collected(self._bodies(operations, admission, parameters)))[0]

    async def _bodies(
        self, operations: Operations, admission: Admission, parameters: Parameters
    ) -> list[bytes]:
        context = Context(self.services, self.viewer)
        return [_sorted(result_body(await operations.execute(admission, parameters, context)))]


async def _by_executor(
    admission: Admission, variables: dict[str, Any], context: Context, event: Any
) -> Any:
    executor: Any = Executor.build(
        schema._schema,
        admission.prepared.document,
        context_value=context,
        raw_variable_values=variables,
    )
    result: Any = execute_subscription_event(executor.build_per_event_executor(event))
    return await result if executor.is_awaitable(result) else result


def _sorted(body: bytes) -> bytes:
    """An answer with its errors in the order of their paths: whichever comes first is chance."""
    answer = orjson.loads(body)
    if len(answer.get("errors", ())) > 1:
        answer["errors"].sort(key=lambda error: orjson.dumps(error.get("path")))
        return orjson.dumps(answer)
    return body
