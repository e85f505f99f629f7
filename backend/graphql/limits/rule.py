"""The limits as a validation rule, for ``graphql.validate`` and whatever calls it."""

from __future__ import annotations

from functools import cache
from typing import Any

from graphql.language import DocumentNode
from graphql.validation import ASTValidationRule, ValidationContext

from backend.graphql.limits.analysis import analyse
from backend.graphql.limits.errors import QueryLimitExceeded
from backend.graphql.limits.model import cost_model
from backend.graphql.limits.settings import QueryLimits


@cache
def limits_rule(limits: QueryLimits) -> type[ASTValidationRule]:
    """The rule for these limits: one class for equal limits, so that caches keyed by it hit.

    Put it before the specified rules: passing a limit ends the validation. A rule sees no
    variables, so a cost that depends on them is left to whoever runs the operation.
    """

    class QueryLimitsRule(ASTValidationRule):
        context: ValidationContext

        def enter_document(self, document: DocumentNode, *_args: Any) -> None:
            analysis = analyse(document, cost_model(self.context.schema, limits), limits)
            for name, measure in analysis.operations.items():
                cost = analysis.fixed_cost(name)
                if cost is not None and cost > limits.max_cost:
                    raise QueryLimitExceeded("cost", cost, limits.max_cost, measure.node)

    return QueryLimitsRule
