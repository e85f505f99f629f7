"""What of a history goes to a model.

The newest messages by number or by tokens, as the OpenAI chat form or as a transcript. Pure; where
messages must be fetched, the reader is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from backend.utils.prompts import (
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    NAME_TOKENS,
    PRIMING_TOKENS,
    Entry,
    HistoryMessage,
    Prompt,
    entries,
    prompt_tokens,
    to_openai,
    to_transcript,
)

__all__ = [
    "IMAGE_TOKENS",
    "MESSAGE_TOKENS",
    "NAME_TOKENS",
    "PRIMING_TOKENS",
    "HistoryMessage",
    "HistoryReader",
    "Prompt",
    "Window",
    "fit_budget",
    "last_messages",
    "prompt_tokens",
    "read_window",
    "to_openai",
    "to_transcript",
]

M = TypeVar("M", bound=HistoryMessage)
M_co = TypeVar("M_co", bound=HistoryMessage, covariant=True)

FIRST_PAGE: Final = 32
LARGEST_PAGE: Final = 256
OPENING_PAGE: Final = 8


@dataclass(frozen=True, slots=True)
class Window(Generic[M]):
    """The messages that go to a model, oldest first.

    ``token_count`` is exactly ``prompt_tokens(to_openai(kept))``; ``omitted_count`` is how many
    messages of the history are not among ``kept``.
    """

    kept: list[M]
    omitted_count: int
    token_count: int


class HistoryReader(Protocol[M_co]):
    """Where the messages of a conversation's branch are read from."""

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> Sequence[M_co]:
        """At most ``count`` messages just before a position, or the newest; oldest first.

        Fewer than ``count`` mean that there are no earlier ones.
        """


def last_messages(messages: Sequence[M], count: int) -> list[M]:
    """The newest ``count`` messages, oldest first. Raises ValueError for a negative count.

    >>> from collections import namedtuple
    >>> Row = namedtuple("Row", "id role name content parts token_count position")
    >>> rows = [Row(str(n), "user", None, "Hi", [], 1, n) for n in (1, 2, 3)]
    >>> [row.id for row in last_messages(rows, 2)]
    ['2', '3']
    """
    _refuse_negative(count=count)
    return list(messages[len(messages) - min(count, len(messages)) :])


def fit_budget(messages: Sequence[M], max_tokens: int, recent: int | None = None) -> Window[M]:
    """The newest messages that fit ``max_tokens`` as a prompt, after the instructions before them.

    - System and developer messages at the start are always kept. Where they alone are too much the
      window is empty: instructions are not cut to make room, nor is an answer asked without them.
    - Then comes an unbroken run of the newest messages, at most ``recent`` of them. A call and its
      results are kept together or not at all, with all that stands between them.
    - The run starts at a user's turn. Where no user's turn fits, it is the newest that fit.
    - Messages that ``to_openai`` leaves out are not in the window.

    The cost is reckoned as in the OpenAI Cookbook, see ``prompt_tokens``; an image counts as one of
    low detail. Raises ValueError for negative numbers.

    >>> from collections import namedtuple
    >>> Row = namedtuple("Row", "id role name content parts token_count position")
    >>> rows = [Row("1", "system", None, "Be brief.", [], 3, 1),
    ...         Row("2", "user", None, "Hello", [], 1, 2),
    ...         Row("3", "assistant", None, "Hi", [], 1, 3),
    ...         Row("4", "user", None, "Bye", [], 1, 4)]
    >>> window = fit_budget(rows, max_tokens=20)
    >>> [row.id for row in window.kept], window.omitted_count, window.token_count
    (['1', '4'], 2, 15)
    """
    _refuse_negative(max_tokens=max_tokens, recent=recent or 0)
    opening = _opening(messages)
    return _fit(opening, messages[len(opening) :], len(messages), max_tokens, recent)


async def read_window(
    reader: HistoryReader[M], conversation_id: str, max_tokens: int, recent: int | None = None
) -> Window[M]:
    """``fit_budget`` of a conversation, reading back only as far as the window goes.

    Pages grow from 32 messages to 256; a conversation that fits the first takes one read, a longer
    one a read more for its instructions. Raises ValueError for negative numbers.
    """
    _refuse_negative(max_tokens=max_tokens, recent=recent or 0)
    size = FIRST_PAGE if recent is None else min(max(recent, 1), FIRST_PAGE)
    page = await reader.page_before(conversation_id, None, size)
    if not page:
        return Window([], 0, 0)
    run, total = list(page), page[-1].position
    if len(page) < size or page[0].position == 1:
        return fit_budget(run, max_tokens, recent)
    opening = await _read_opening(reader, conversation_id, total)
    while len(page) == size and run[0].position > len(opening) + 1:
        if _is_full(run, max_tokens, recent):
            break
        size = min(2 * size, LARGEST_PAGE)
        page = await reader.page_before(conversation_id, run[0].position, size)
        run = [*page, *run]
    run = [message for message in run if message.position > len(opening)]
    return _fit(opening, run, total, max_tokens, recent)


async def _read_opening(reader: HistoryReader[M], conversation_id: str, total: int) -> list[M]:
    size = OPENING_PAGE
    while True:
        # Positions count from 1, so these are the first messages.
        page = await reader.page_before(conversation_id, size + 1, size)
        opening = _opening(page)
        if len(opening) < size or size >= total:
            return opening
        size *= 2


def _opening(messages: Sequence[M]) -> list[M]:
    """The instructions before the first message that is none."""
    spoken = (n for n, message in enumerate(messages) if message.role not in _INSTRUCTIONS)
    return list(messages[: next(spoken, len(messages))])


_INSTRUCTIONS = ("system", "developer")


def _is_full(run: Sequence[HistoryMessage], max_tokens: int, recent: int | None) -> bool:
    made = entries(run)
    many = recent is not None and len({entry.source for entry in made}) >= recent
    return many or PRIMING_TOKENS + sum(entry.tokens for entry in made) > max_tokens


def _fit(
    opening: Sequence[M], rest: Sequence[M], total: int, max_tokens: int, recent: int | None
) -> Window[M]:
    instructions = entries(opening)
    spent = PRIMING_TOKENS + sum(entry.tokens for entry in instructions)
    if spent > max_tokens:
        return Window([], total, 0)
    run = _newest(_units(entries(rest)), max_tokens - spent, recent)
    run = _from_user(run, rest)
    kept = [opening[entry.source] for entry in instructions]
    kept += [rest[place] for unit in run for place in sorted(unit.places)]
    spent += sum(unit.tokens for unit in run)
    return Window(kept, total - len(kept), spent if kept else 0)


@dataclass(slots=True)
class _Unit:
    """Neighbouring messages that go together: one alone, or calls up to their last result."""

    places: set[int]
    last: int
    tokens: int


def _units(made: Iterable[Entry]) -> list[_Unit]:
    units: list[_Unit] = []
    for entry in sorted(made, key=lambda entry: entry.source):
        if not units or entry.source > units[-1].last:
            units.append(_Unit(set(), entry.last_source, 0))
        units[-1].places.add(entry.source)
        units[-1].last = max(units[-1].last, entry.last_source)
        units[-1].tokens += entry.tokens
    return units


def _newest(units: Sequence[_Unit], tokens: int, recent: int | None) -> list[_Unit]:
    """The longest run at the end within both bounds."""
    start = len(units)
    messages = 0
    while start > 0:
        tokens -= units[start - 1].tokens
        messages += len(units[start - 1].places)
        if tokens < 0 or (recent is not None and messages > recent):
            break
        start -= 1
    return list(units[start:])


def _from_user(run: list[_Unit], messages: Sequence[HistoryMessage]) -> list[_Unit]:
    turns = (n for n, unit in enumerate(run) if messages[min(unit.places)].role == "user")
    return run[next(turns, 0) :]


def _refuse_negative(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 0:
            raise ValueError(f"{name} must not be negative")
