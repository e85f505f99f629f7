"""Lists of views of rows, made without the views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KEY = "row_views"
ROW = "{row}"
"""What a view shows that is the row itself."""


@dataclass(frozen=True, slots=True)
class RowViews:
    """For the metadata of a list field: where, on an object of class ``owner``, the rows are, and
    how what a view of a row shows is read from the row, as Python with ``{owner}`` and ``{row}``.
    ``columns`` are those attributes that can be had of all rows at once, in their order.

    What it says must be what the owner's own attribute and the views answer: graphql-core uses
    those.
    """

    owner: type
    rows: str
    attributes: Mapping[str, str]
    columns: Mapping[str, str]

    @property
    def metadata(self) -> dict[str, RowViews]:
        """For the field's ``metadata``."""
        return {KEY: self}

    def spelled(self, owner: str, row: str) -> dict[str, str]:
        """An expression for each attribute."""
        return {name: text.format(owner=owner, row=row) for name, text in self.attributes.items()}
