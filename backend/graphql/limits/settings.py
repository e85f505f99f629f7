"""How much one operation may ask for."""

from __future__ import annotations

from dataclasses import dataclass, fields

MAX_DEPTH_ALLOWED = 50
"""Above this a product of list lengths could leave the range of a float."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The limits of a request, in the units each comment names. Equal limits are the same key.

    The defaults admit GraphiQL's introspection (15 levels), what Relay and Apollo Client print, and
    every query of the documentation.
    """

    max_tokens: int = 3_000  # lexical tokens and comments in the document
    max_depth: int = 20  # fields below one another, the leaf included
    max_aliases: int = 50  # in the document as written
    max_directives: int = 50  # in the document as written
    max_directives_per_location: int = 5  # on one field, fragment, variable or operation
    max_root_fields: int = 20  # at the root of one operation, repetitions and __typename included
    max_complexity: int = 5_000  # steps of analysis; pairs of fields to be merged count, too
    max_cost: int = 20_000  # points: see CostModel
    max_errors: int = 20  # validation errors reported before validation stops
    assumed_list_size: int = 10  # of a list that nothing in the schema or the document sizes
    introspection_weight: float = 0.1  # points for one object of introspection

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) <= 0:
                raise ValueError(f"{item.name} must be above 0")
        if self.max_depth > MAX_DEPTH_ALLOWED:
            raise ValueError(f"max_depth must be at most {MAX_DEPTH_ALLOWED}")
