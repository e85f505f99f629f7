"""Executes operations both ways and compares the bytes."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import orjson
from strawberry.extensions import SchemaExtension

from backend.graphql.context import Context
from backend.graphql.http.answers import result_body
from backend.graphql.limits import QueryLimits
from backend.graphql.operations import Operations, Rejected
from backend.graphql.parameters import Parameters
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services

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
        parameters = Parameters(query=text, variables=variables)
        try:
            mine = await self._answer(self.compiled, parameters)
        except Rejected:
            return None
        return mine, await self._answer(self.reference, parameters)

    async def compiled_answer(self, text: str, variables: dict[str, Any] | None = None) -> Any:
        """The compiled answer, as JSON."""
        parameters = Parameters(query=text, variables=variables or {})
        return orjson.loads(await self._answer(self.compiled, parameters))

    async def _answer(self, operations: Operations, parameters: Parameters) -> bytes:
        admission = operations.admit(parameters)
        context = Context(self.services, self.viewer)
        return _sorted(result_body(await operations.execute(admission, parameters, context)))


def _sorted(body: bytes) -> bytes:
    """An answer with its errors in the order of their paths: whichever comes first is chance."""
    answer = orjson.loads(body)
    if len(answer.get("errors", ())) > 1:
        answer["errors"].sort(key=lambda error: orjson.dumps(error.get("path")))
        return orjson.dumps(answer)
    return body
