"""Messages in the form that SQLite's driver takes, for who only passes them on.

Whoever reads a file in a process of its own gives the rows this form there. The process that stores
them then makes nothing of them: it takes them from the pipe and hands them to the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, overload

from backend.repositories.records import MessageRecord
from backend.utils.moments import moment_text

Plain = tuple[Any, ...]
"""A message's columns as `MessageRecord` has them, moments as text and truth as 0 or 1."""

# Messages without a time of their own have that of the one before.
_text = lru_cache(maxsize=64)(moment_text)


class PlainMessages(Sequence[MessageRecord]):
    """Messages of which a record is made when it is asked for."""

    __slots__ = ("plain",)

    def __init__(self, plain: list[Plain]) -> None:
        self.plain = plain

    @classmethod
    def of(cls, messages: Sequence[MessageRecord]) -> PlainMessages:
        """The same messages in this form."""
        return messages if isinstance(messages, cls) else cls(list(map(_plain, messages)))

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [row[0] for row in self.plain]

    def __len__(self) -> int:
        return len(self.plain)

    def __iter__(self) -> Iterator[MessageRecord]:
        return map(_record, self.plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, place: int) -> MessageRecord: ...
    @overload
    def __getitem__(self, place: slice) -> PlainMessages: ...
    def __getitem__(self, place: int | slice) -> MessageRecord | PlainMessages:
        if isinstance(place, slice):
            return PlainMessages(self.plain[place])
        return _record(self.plain[place])


def joined(parts: Iterable[Sequence[MessageRecord]]) -> Sequence[MessageRecord]:
    """All messages of some conversations, in this form where all of these are."""
    given = list(parts)
    plain = [each.plain for each in given if isinstance(each, PlainMessages)]
    if len(plain) == len(given):
        return PlainMessages(list(chain.from_iterable(plain)))
    return list(chain.from_iterable(given))


def ids_of(messages: Sequence[MessageRecord]) -> list[str]:
    """The ids of messages in either form."""
    return messages.ids if isinstance(messages, PlainMessages) else [row.id for row in messages]


def _plain(row: MessageRecord) -> Plain:
    edited_at = None if row.edited_at is None else moment_text(row.edited_at)
    moments = (_text(row.created_at), edited_at)
    return (*row[:4], int(row.active), *row[5:17], *moments, *row[19:])


def _record(row: Plain) -> MessageRecord:
    created_at, edited_at = map(_moment, row[17:19])
    values = (*row[:4], bool(row[4]), *row[5:17], created_at, edited_at, *row[19:])
    return MessageRecord._make(values)


@lru_cache(maxsize=64)
def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
