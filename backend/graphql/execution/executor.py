"""Executes admitted operations by compiled plans; graphql-core executes whatever goes wrong."""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult

from backend.graphql.context import Context
from backend.graphql.errors import ErrorMasker
from backend.graphql.execution.compiler import Plan
from backend.graphql.execution.plans import KeptPlan, distrust, plan_of
from backend.graphql.execution.run import Run
from backend.graphql.execution.variables import NO_VARIABLES, coerced_variables
from backend.graphql.limits import Admission

Reference = Callable[[Schema], Awaitable[ExecutionResult]]
"""Executes the operation at hand by graphql-core, with a schema's extensions."""

logger = logging.getLogger("conversa.graphql")

# Extensions that have nothing to do where an operation succeeds. With any other in a schema, what
# it does would be missed.
SPARED: tuple[type[SchemaExtension], ...] = (ErrorMasker,)


class CompiledExecution:
    """Executes the operations of one schema. ``compiled`` and ``referred`` count which way."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        others = [type(each) for each in schema.get_extensions() if type(each) not in SPARED]
        self._applies = not others
        if others:
            logger.info("nothing is compiled: the schema has the extensions %s", others)
        self.compiled = 0
        self.referred = 0

    def execute(
        self,
        admission: Admission,
        variables: Mapping[str, Any] | None,
        context: Context,
        reference: Reference,
    ) -> Awaitable[ExecutionResult]:
        """The result of a query or mutation."""
        outcomes: dict[str, Any] = {}

        def refer() -> Awaitable[ExecutionResult]:
            return reference(_recalling(self._schema, outcomes))

        return self._executed(admission, variables, context, None, refer, outcomes)

    def execute_event(
        self,
        admission: Admission,
        variables: Mapping[str, Any] | None,
        context: Context,
        event: Any,
        refer: Callable[[], Awaitable[Any]],
    ) -> Awaitable[Any]:
        """The result of a subscription for one event; ``refer`` has graphql-core make it."""
        return self._executed(admission, variables, context, event, refer, {})

    async def _executed(
        self,
        admission: Admission,
        variables: Mapping[str, Any] | None,
        context: Context,
        value: Any,
        refer: Callable[[], Awaitable[Any]],
        outcomes: dict[str, Any],
    ) -> Any:
        kept, values = self._prepared(admission, variables)
        if kept is None or kept.plan is None:
            self.referred += 1
            return await refer()
        plan, run = kept.plan, Run(context, kept.plan.arguments, values)
        try:
            if plan.root is None:
                data = await _mutated(plan, run, outcomes)
            else:
                data = plan.root(value, run)
                await run.finish()
        except Exception as failure:
            self.referred += 1
            context.renew()
            result = await refer()
            if not result.errors:
                logger.warning("graphql-core has no error where the plan has", exc_info=failure)
                distrust(kept)
            return result
        self.compiled += 1
        return ExecutionResult(data=data, errors=None)

    def _prepared(
        self, admission: Admission, variables: Mapping[str, Any] | None
    ) -> tuple[KeptPlan | None, VariableValues]:
        """The plan and the variables; no plan where these do not fit."""
        if not self._applies:
            return None, NO_VARIABLES
        operation = admission.operation
        core = self._schema._schema
        values = coerced_variables(core, admission.prepared, operation, variables)
        if values is None:
            return None, NO_VARIABLES
        return plan_of(self._schema, admission.prepared, operation, values), values


class Recall(SchemaExtension):
    """Answers for the resolvers that have run already, by the response keys of their fields."""

    def __init__(self, outcomes: Mapping[str, Any]) -> None:
        super().__init__()
        self._outcomes = outcomes

    def resolve(
        self,
        _next: Callable[..., Any],
        root: Any,
        info: GraphQLResolveInfo[Context],
        *args: Any,
        **given: Any,
    ) -> Any:
        """What the resolver returned or raised; what has not run is run."""
        if info.path.prev is None and info.path.key in self._outcomes:
            outcome = self._outcomes[str(info.path.key)]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        return _next(root, info, *args, **given)


def _recalling(schema: Schema, outcomes: Mapping[str, Any]) -> Schema:
    if not outcomes:
        return schema
    recalling = copy.copy(schema)
    recalling.extensions = (*schema.extensions, partial(Recall, outcomes))
    return recalling


async def _mutated(plan: Plan, run: Run, outcomes: dict[str, Any]) -> dict[str, Any]:
    """One field after the other. What its resolver came to is noted before it is completed, so that
    none is run again."""
    data: dict[str, Any] = {}
    for step in plan.steps:
        coroutine = step.call(None, run)
        try:
            value = outcomes[step.key] = await coroutine
        except Exception as error:
            outcomes[step.key] = error
            raise
        data[step.key] = step.complete(value, run)
        await run.finish()
    return data
