"""Records of which only some columns were read: the driver's row as it came.

A page has hundreds of rows of which a handful of columns are looked at once each. To put each row
into a record with a place for every column takes longer than to read it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NoReturn

Make = Callable[[Any], Any] | None


class _Unread:
    """In the place of a column that was not selected: whatever is done with it fails."""

    def __bool__(self) -> NoReturn:
        raise AttributeError("This column was not read.")

    __eq__ = __bool__  # type: ignore[assignment]
    __hash__ = __bool__


UNREAD: Any = _Unread()
PLACES = "stored_places"
PLAIN_PLACES = "plain_places"


def thin_record(
    record: Any, columns: Sequence[str], makes: Sequence[Make], texts: Collection[str] = ()
) -> Any:
    """A kind of record whose tuple holds these columns alone, in this order.

    ``makes`` turn the driver's values into those of the record, each time one is looked at. Fields
    of other names are ``UNREAD``. ``texts`` are moments that are stored as text.
    """
    read = vars(namedtuple("Read", columns))
    members: dict[str, Any] = dict.fromkeys(record._fields, UNREAD)
    for index, (column, make) in enumerate(zip(columns, makes, strict=True)):
        members[column] = read[column] if make is None else property(_made(index, make))

    def whole(row: Any) -> Any:
        return record._make([getattr(row, name) for name in record._fields])

    members |= {
        PLACES: {
            column: index
            for index, (column, make) in enumerate(zip(columns, makes, strict=True))
            if make is None or column in texts
        },
        PLAIN_PLACES: {
            column: index
            for index, (column, make) in enumerate(zip(columns, makes, strict=True))
            if make is None
        },
        "__slots__": (),
        "__repr__": lambda row: repr(whole(row)),
        "_asdict": lambda row: whole(row)._asdict(),
        "_replace": lambda row, **values: whole(row)._replace(**values),
    }
    return type(record.__name__, (record,), members)


class ThinRows(Sequence[Any]):
    """Rows of a thin kind of record, which become records as they are looked at: of most pages only
    some values are, of all rows at once. ``raw`` are the driver's, which may be longer."""

    __slots__ = ("_made", "kind", "raw")

    def __init__(self, kind: type, raw: Sequence[Any]) -> None:
        self.kind = kind
        self.raw = raw
        self._made: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return ThinRows(self.kind, self.raw[place])
        return tuple.__new__(self.kind, self.raw[place])

    def __iter__(self) -> Iterator[Any]:
        if self._made is None:
            self._made = [tuple.__new__(self.kind, row) for row in self.raw]
        return iter(self._made)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def raw_of(rows: Sequence[Any]) -> Sequence[Any]:
    """The driver's rows of thin ones, and others as they are: what ``getter`` takes."""
    return rows.raw if type(rows) is ThinRows else rows


def getter(rows: Sequence[Any], name: str) -> Callable[[Any], Any]:
    """What takes a value of one of the ``raw_of`` rows, as its record has it."""
    if type(rows) is not ThinRows:
        return attrgetter(name)
    place = getattr(rows.kind, PLAIN_PLACES).get(name)
    if place is not None:
        return itemgetter(place)
    kind, value = rows.kind, attrgetter(name)
    return lambda row: value(tuple.__new__(kind, row))


def stored_places(kind: type) -> Mapping[str, int] | None:
    """Where, in the tuples of a thin kind of record, the values lie that can be shown as they are
    stored: those that nothing is made of, and moments, as text of fixed width in UTC. None of a
    kind that is not thin."""
    return getattr(kind, PLACES, None)


def _made(index: int, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda row: make(row[index])
