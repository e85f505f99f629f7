"""Records of which only some columns were read: the driver's row as it came.

A page has hundreds of rows of which a handful of columns are looked at once each. To put each row
into a record with a place for every column takes longer than to read it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
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
        "__slots__": (),
        "__repr__": lambda row: repr(whole(row)),
        "_asdict": lambda row: whole(row)._asdict(),
        "_replace": lambda row, **values: whole(row)._replace(**values),
    }
    return type(record.__name__, (record,), members)


def stored_places(kind: type) -> Mapping[str, int] | None:
    """Where, in the tuples of a thin kind of record, the values lie that can be shown as they are
    stored: those that nothing is made of, and moments, as text of fixed width in UTC. None of a
    kind that is not thin."""
    return getattr(kind, PLACES, None)


def _made(index: int, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda row: make(row[index])
