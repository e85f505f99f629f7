"""Plans, kept with the documents they were compiled from.

A document is dropped from its cache with its plans. What ``@skip`` and ``@include`` depend on is
compiled in, so an operation has a plan for each combination of those variables that turns up; the
fields of all plans of a document are bounded by its tokens, as its own memory is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql.execution.values import VariableValues
from graphql.language import DirectiveNode, DocumentNode, OperationDefinitionNode, VariableNode
from graphql.language.visitor import Visitor, visit
from strawberry import Schema

from backend.graphql.execution.compiler import Plan, compile_operation
from backend.graphql.execution.errors import Unsupported
from backend.graphql.limits import PreparedDocument

logger = logging.getLogger("conversa.graphql")

KEPT = "plans"
CONDITIONS = "conditions"
LEAST_FIELDS = 64
"""Fields that are compiled of any document, however short."""
CHANCES = 3
"""How often a plan may fail where graphql-core does not, before it is used no more."""


@dataclass(slots=True)
class KeptPlan:
    """A plan; None for an operation that is not compiled."""

    plan: Plan | None
    failures: int = 0

    @property
    def fields(self) -> int:
        """How many fields it has; one that is not compiled counts as one."""
        return self.plan.fields if self.plan else 1


def plan_of(
    schema: Schema,
    prepared: PreparedDocument,
    operation: OperationDefinitionNode,
    variables: VariableValues,
) -> KeptPlan:
    """The plan for an operation with these variables."""
    plans: dict[tuple[str, tuple[Any, ...]], KeptPlan] = prepared.kept.setdefault(KEPT, {})
    name = operation.name.value if operation.name else ""
    key = (name, _conditions(prepared, variables.coerced))
    kept = plans.get(key)
    if kept is None:
        most = max(LEAST_FIELDS, prepared.weight)
        kept = KeptPlan(_compiled(schema, prepared.document, operation, variables, most))
        while plans and sum(each.fields for each in plans.values()) + kept.fields > most:
            del plans[next(iter(plans))]
        plans[key] = kept
    return kept


def distrust(kept: KeptPlan) -> None:
    """Notes that a plan failed where graphql-core did not."""
    kept.failures += 1
    if kept.failures >= CHANCES:
        kept.plan = None


def _compiled(
    schema: Schema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    most: int,
) -> Plan | None:
    try:
        return compile_operation(schema, document, operation, variables, most)
    except Unsupported:
        return None
    except Exception:
        logger.warning("an operation could not be compiled", exc_info=True)
        return None


def _conditions(prepared: PreparedDocument, values: Mapping[str, Any]) -> tuple[Any, ...]:
    names: tuple[str, ...] | None = prepared.kept.get(CONDITIONS)
    if names is None:
        finder = _ConditionFinder()
        visit(prepared.document, finder)
        names = prepared.kept[CONDITIONS] = tuple(sorted(finder.names))
    return tuple([values.get(name) for name in names]) if names else ()


class _ConditionFinder(Visitor):
    """Finds the variables that say whether something is selected."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Looks at one directive."""
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names.add(argument.value.name.value)
