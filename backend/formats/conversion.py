"""From the items of a file to conversations: their format, what belongs together, what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import orjson

from backend.formats import (
    chatgpt,
    claude,
    conversa,
    langchain,
    librechat,
    openai,
    openwebui,
    plain,
)
from backend.formats.detect import PLAIN_MESSAGE, Shape, shape_in, wrapped_values
from backend.formats.document import DocumentConversation, DocumentFailure
from backend.formats.errors import BadConversation, UnsupportedFormat
from backend.formats.json_stream import Framed, Item
from backend.formats.langchain import group_rows
from backend.formats.seen import Seen
from backend.formats.values import as_dict, first_id
from backend.formats.window import MAX_VALUE

Result = DocumentConversation | DocumentFailure

READERS: dict[str, Callable[[Any, int], DocumentConversation]] = {
    plain.FORMAT: plain.read_conversation,
    chatgpt.FORMAT: chatgpt.read_conversation,
    claude.FORMAT: claude.read_conversation,
    openwebui.FORMAT: openwebui.read_conversation,
    librechat.FORMAT: librechat.read_conversation,
    openai.FORMAT: openai.read_conversation,
    langchain.FORMAT: langchain.read_conversation,
    conversa.FORMAT: conversa.read_conversation,
}

_SAMPLE_ITEMS = 100
_SAMPLE_BYTES = 8 * 1024 * 1024
_IDS_REMEMBERED = 250_000
_MESSAGES_AT_ONCE = 1000
_ID_KEYS = ("conversation_id", "uuid", "conversationId", "external_id", "id")


def read_items(
    framed: Framed, forced: str | None, position: Callable[[], int]
) -> tuple[str, Iterator[Result]]:
    """The format of the items and the conversations in them.

    The format is that of the first item that has one, looked for among the first 100; ``forced``
    overrules it. Raises UnsupportedFormat where there is none.
    """
    sample, shape = _sample(framed, forced, position)
    if forced is not None:
        name = forced
    elif shape is not None:
        name = shape.format
    else:
        raise UnsupportedFormat(_what_was_found(sample))
    items = chain(sample, framed.items)
    if shape is not None and shape.unit in ("message", "row"):
        return name, _read_together(name, shape, items, position)
    if shape is not None and shape.unit == "wrapper":
        items = chain.from_iterable(map(_unwrapped, items))
    return name, _read_each(name, items)


def _sample(
    framed: Framed, forced: str | None, position: Callable[[], int]
) -> tuple[list[Item], Shape | None]:
    sample: list[Item] = []
    found: Shape | None = None
    for item in framed.items:
        sample.append(item)
        try:
            shape = shape_in(item.value, framed.layout)
        except UnsupportedFormat:
            if forced is None:
                raise
            shape = None
        # A plain message may be one of OpenAI's, which only a later one of them shows.
        found = found if shape is None else shape
        if found not in (None, PLAIN_MESSAGE):
            break
        if len(sample) >= _SAMPLE_ITEMS or position() > _SAMPLE_BYTES:
            break
    return sample, found


def _what_was_found(sample: list[Item]) -> str:
    if not sample:
        return "there is no conversation in it to tell the format by"
    problem = next((item for item in sample if item.error is not None), None)
    if problem is not None and problem is sample[0]:
        return f"nothing in it can be read as a chat: {problem.error} ({problem.place})"
    return "it is JSON, but no chat format known here"


def _unwrapped(item: Item) -> Iterator[Item]:
    values = wrapped_values(as_dict(item.value))
    if not values:
        yield item
    for number, value in enumerate(values):
        yield Item(value, f"conversation {number}")


def _read_each(name: str, items: Iterable[Item]) -> Iterator[Result]:
    conversion = _Conversion(name)
    for item in items:
        if name != conversa.FORMAT or not conversa.is_header(as_dict(item.value)):
            yield conversion.convert(item)
        elif item.value["conversa"] > conversa.VERSION:
            yield conversion.failure(f"a later version's part begins here ({item.place})")


def _read_together(
    name: str, shape: Shape, items: Iterable[Item], position: Callable[[], int]
) -> Iterator[Result]:
    """A file whose items are messages, of one conversation or, as rows, of several."""
    values: list[Any] = []
    for item in items:
        if item.error is not None:
            yield DocumentFailure(0, None, f"{item.error} ({item.place})")
            return
        values.append(item.value)
        if position() > MAX_VALUE:
            yield DocumentFailure(0, None, f"it is larger than {MAX_VALUE >> 20} MiB")
            return
    conversion = _Conversion(name)
    whole = group_rows(values) if shape.unit == "row" else [values]
    for number, value in enumerate(whole):
        yield conversion.convert(Item(value, f"conversation {number}"))


class _Conversion:
    """Turns values into conversations, counting them; what fails is reported in its place."""

    def __init__(self, name: str) -> None:
        self._read = READERS[name]
        self._count = 0
        self._seen = Seen()

    def failure(self, reason: str) -> DocumentFailure:
        self._count += 1
        return DocumentFailure(self._count - 1, None, reason)

    def convert(self, item: Item) -> Result:
        if item.error is not None:
            return self.failure(f"{item.error} ({item.place})")
        index = self._count
        self._count += 1
        external_id = first_id(as_dict(item.value), *_ID_KEYS)
        try:
            document = self._read(item.value, index)
            _check_storable(document)
            self._check_new(document, external_id is not None)
        except BadConversation as error:
            return DocumentFailure(index, external_id, f"{error} ({item.place})")
        except Exception as error:  # whatever else one odd conversation does must not stop the rest
            reason = f"it cannot be read: {type(error).__name__}: {error}"
            return DocumentFailure(index, external_id, f"{reason} ({item.place})")
        return document

    def _check_new(self, document: DocumentConversation, has_id: bool) -> None:
        """Refuse what the file holds twice.

        To bound memory the first 250,000 are remembered; the rest are found by a store that knows
        conversations by their ids.
        """
        key = hash((document.format, document.external_id))
        earlier = self._seen.get(key)
        if earlier is not None:
            told = "it has the id of" if has_id else "it is identical to"
            raise BadConversation(f"{told} conversation {earlier} of the same file")
        if len(self._seen) < _IDS_REMEMBERED:
            self._seen.note(key, document.index)


def _check_storable(document: DocumentConversation) -> None:
    """Refuse what could be read and not be written again: it nests hundreds of levels deep."""
    messages = document.messages
    try:
        orjson.dumps(document.metadata)
        for start in range(0, len(messages), _MESSAGES_AT_ONCE):
            some = messages[start : start + _MESSAGES_AT_ONCE]
            orjson.dumps([(message.metadata, message.parts) for message in some])
    except TypeError:
        raise BadConversation("a value in it nests too deeply to be stored") from None
