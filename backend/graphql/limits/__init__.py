"""What one operation may ask for, checked before it runs."""

from backend.graphql.limits.analysis import Analysis, analyse
from backend.graphql.limits.directives import (
    Cost,
    ListSize,
    connection_size,
    cost,
    list_size,
    sized_by,
)
from backend.graphql.limits.documents import (
    Admission,
    DocumentCache,
    PreparedDocument,
    cost_report,
)
from backend.graphql.limits.errors import QueryLimitExceeded
from backend.graphql.limits.extension import DocumentExtension, WithoutSuggestions, asks_for_cost
from backend.graphql.limits.model import CostModel, cost_model
from backend.graphql.limits.rule import limits_rule
from backend.graphql.limits.settings import QueryLimits

__all__ = [
    "Admission",
    "Analysis",
    "Cost",
    "CostModel",
    "DocumentCache",
    "DocumentExtension",
    "ListSize",
    "PreparedDocument",
    "QueryLimitExceeded",
    "QueryLimits",
    "WithoutSuggestions",
    "analyse",
    "asks_for_cost",
    "connection_size",
    "cost",
    "cost_model",
    "cost_report",
    "limits_rule",
    "list_size",
    "sized_by",
]
