"""Rows of which nothing but leaves is shown, taken as they are stored.

To ask a row for a value by its name takes longer than to show it: what stands in the rows of a page
is taken out of all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, get_type_hints

from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from backend.graphql.execution.selections import Details, Fields, Selections
from backend.graphql.execution.views import ROW, RowViews
from backend.repositories.thin import ThinRows, stored_places


class PlainRows(NamedTuple):
    """The rows behind views of which these attributes alone are shown, all of them leaves.

    ``texts`` are those that are text in every record. ``columns`` are attributes of the views.
    """

    record: type
    names: tuple[str, ...]
    texts: frozenset[str]
    columns: tuple[str, ...]

    @classmethod
    def among(
        cls, selections: Selections, type_: GraphQLObjectType, fields: Fields, views: RowViews
    ) -> PlainRows | None:
        """The rows in the views of this type, of which these fields are selected; None where more
        is shown of them, or nothing."""
        names: dict[str, None] = {}
        columns: dict[str, None] = {}
        record = None
        for details in fields.values():
            definition, field = selections.field(type_, details)
            if field is not None and field.python_name in views.columns:
                columns[field.python_name] = None
            if field is None or views.attributes.get(field.python_name) != ROW:
                continue
            node: Any = get_named_type(definition.type)
            found = _leaves(selections, definition.type, details)
            record = getattr(getattr(node, "is_type_of", None), "record", None)
            if found is None or record is None:
                return None
            names |= dict.fromkeys(found)
        if record is None or not names:
            return None
        texts = frozenset(name for name, kind in get_type_hints(record).items() if kind is str)
        return cls(record, tuple(names), texts, tuple(columns))


def _leaves(selections: Selections, type_: Any, details: Details) -> list[str] | None:
    """The attributes that a non-null object's fields show; None where one is more than that."""
    inner = type_.of_type if is_non_null_type(type_) else None
    if not is_object_type(inner):
        return None
    names = []
    for below in selections.below(inner, details).values():
        definition, field = selections.field(inner, below)
        if field is None:
            continue
        if not is_leaf_type(get_named_type(definition.type)) or not _is_attribute(field):
            return None
        names.append(field.python_name)
    return names


def _is_attribute(field: StrawberryField) -> bool:
    return field.base_resolver is None and field.default_resolver is getattr


class RowPicker:
    """Takes some values of each row as they are stored, where all rows are thin records of a kind
    and hold them in a form that can be shown."""

    def __init__(self, record: type, names: Sequence[str]) -> None:
        self._record = record
        self._names = names
        self._known: dict[type, Callable[[Any], Any] | None] = {}

    def __call__(self, rows: Sequence[Any]) -> Iterable[Any] | None:
        """The values of each row, a tuple, or the value alone where it is one; None where they
        have to be asked for by name."""
        if type(rows) is ThinRows:
            take = self._take(rows.kind)
            return None if take is None else map(take, rows.raw)
        kinds = set(map(type, rows))
        if len(kinds) != 1:
            return None
        (kind,) = kinds
        take = self._take(kind)
        return None if take is None else map(take, rows)

    def _take(self, kind: type) -> Callable[[Any], Any] | None:
        if kind not in self._known:
            self._known[kind] = self._taking(kind)
        return self._known[kind]

    def _taking(self, kind: type) -> Callable[[Any], Any] | None:
        places = stored_places(kind)
        if places is None or not issubclass(kind, self._record):
            return None
        found = [places.get(name) for name in self._names]
        return None if None in found else itemgetter(*found)
