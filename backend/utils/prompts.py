"""Messages as a model reads them: the OpenAI chat form, what it costs, and a plain transcript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from backend.utils.message_parts import MessagePart, ToolCallPart, ToolResultPart, text_part
from backend.utils.tokens import count_tokens

PRIMING_TOKENS: Final = 3
"""What opens the answer. OpenAI Cookbook, "How to count tokens with tiktoken", which also has:"""
MESSAGE_TOKENS: Final = 3
"""around every message, besides its role and content,"""
NAME_TOKENS: Final = 1
"""and beside a name. The same source counts every value of a message as text."""
IMAGE_TOKENS: Final = 85
"""An image at low detail (OpenAI's vision guide, gpt-4o); at high detail it costs more."""

_UNFIT_FOR_NAME = re.compile(r"[\s<|\\/>]+")
_NAME_CHARACTERS: Final = 64

Prompt = list[dict[str, Any]]


class HistoryMessage(Protocol):
    """A stored message, as far as a model is concerned; named tuples and data classes fit.

    ``role`` is ``system``, ``developer``, ``user``, ``assistant`` or ``tool``. ``parts`` may be
    empty where ``content`` says it all. ``token_count`` is that of ``content``. ``position``
    counts from 1 along the branch.
    """

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def content(self) -> str: ...
    @property
    def parts(self) -> Sequence[MessagePart]: ...
    @property
    def token_count(self) -> int: ...
    @property
    def position(self) -> int: ...


class Entry(NamedTuple):
    """One message of a prompt.

    ``source`` is the place in the history of the message it is made from; ``last_source`` that of
    the last result it cannot go without, or ``source``.
    """

    form: dict[str, Any]
    tokens: int
    source: int
    last_source: int


def to_openai(messages: Sequence[HistoryMessage]) -> Prompt:
    """The messages in OpenAI's chat form, always one that the API accepts.

    Results follow the call they answer. A result without its call is left out, and so is a call
    without a result, unless nothing follows it. Images of users are sent, other media are named in
    brackets; reasoning and data parts are not sent. Messages with nothing to send are left out.

    >>> from collections import namedtuple
    >>> Row = namedtuple("Row", "id role name content parts token_count position")
    >>> to_openai([Row("1", "user", "Ana", "Hello", [], 1, 1)])
    [{'role': 'user', 'content': 'Hello', 'name': 'Ana'}]
    """
    return [entry.form for entry in entries(messages)]


def prompt_tokens(prompt: Prompt) -> int:
    """What a prompt costs; 0 for an empty one.

    >>> prompt_tokens([{"role": "user", "content": "Hello"}])
    8
    """
    return PRIMING_TOKENS + sum(map(_form_tokens, prompt)) if prompt else 0


def to_transcript(messages: Iterable[HistoryMessage]) -> str:
    """The messages as plain text, one after the other, each after who said it.

    >>> from collections import namedtuple
    >>> Row = namedtuple("Row", "id role name content parts token_count position")
    >>> print(to_transcript([Row("1", "user", "Ana", "Hi", [], 1, 1),
    ...                      Row("2", "assistant", None, "Hello!", [], 2, 2)]))
    Ana: Hi
    <BLANKLINE>
    Assistant: Hello!
    """
    told = ((message, spoken(message)) for message in messages)
    return "\n\n".join(
        f"{message.name or message.role.capitalize()}: {text}" for message, text in told if text
    )


def entries(messages: Sequence[HistoryMessage]) -> list[Entry]:
    """The prompt's messages with their cost, results right after their calls."""
    answers = _answers(messages)
    last = len(messages) - 1
    # The last message that says anything is the one whose calls may still be waiting.
    while last > 0 and not any(_entries_of(messages, last, answers, waiting=True)):
        last -= 1
    return [
        entry
        for place in range(len(messages))
        for entry in _entries_of(messages, place, answers, waiting=place == last)
    ]


class _Answer(NamedTuple):
    place: int
    part: ToolResultPart


Answers = dict[tuple[int, int], _Answer]
"""By the place of a call's message and the call's index among its parts."""


def _answers(messages: Sequence[HistoryMessage]) -> Answers:
    """Each result goes to the nearest call before it that has its id and no answer yet."""
    answers: Answers = {}
    unanswered: dict[str, list[tuple[int, int]]] = {}
    for place, message in enumerate(messages):
        for index, part in enumerate(message.parts):
            if part["type"] == "tool_call" and message.role == "assistant":
                unanswered.setdefault(part["call_id"], []).append((place, index))
            elif part["type"] == "tool_result" and unanswered.get(part["call_id"]):
                answers[unanswered[part["call_id"]].pop()] = _Answer(place, part)
    return answers


@dataclass(slots=True)
class _Turn:
    """What a message says up to the next results it holds itself."""

    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    calls: list[tuple[ToolCallPart, _Answer | None]] = field(default_factory=list)


def _entries_of(
    messages: Sequence[HistoryMessage], place: int, answers: Answers, *, waiting: bool
) -> Iterator[Entry]:
    message = messages[place]
    turns = _turns(message, place, answers)
    for turn in turns:
        answered = [answer for _, answer in turn.calls if answer]
        calls = [call for call, answer in turn.calls if answer]
        if not answered and waiting and turn is turns[-1]:
            calls = [call for call, _ in turn.calls]
        form = _form(message, turn, calls)
        if form is not None:
            last = max([place, *(answer.place for answer in answered)])
            yield Entry(form, _form_tokens(form, message), place, last)
        for answer in answered:
            form = _result_form(answer.part)
            source = answer.place
            yield Entry(form, _form_tokens(form, messages[source]), source, source)


def _turns(message: HistoryMessage, place: int, answers: Answers) -> list[_Turn]:
    turns = [_Turn()]
    if message.role == "tool":  # its results go where their calls are; the form has no other use
        return turns
    for index, part in enumerate(message.parts or [text_part(message.content)]):
        turn = turns[-1]
        if part["type"] == "text" and part["text"]:
            turn.texts.append(part["text"])
        elif part["type"] == "media":
            is_image = message.role == "user" and part["media_type"].startswith("image/")
            named = f"[{part.get('name') or part['media_type']}]"
            (turn.images if is_image else turn.texts).append(part["url"] if is_image else named)
        elif part["type"] == "tool_call" and message.role == "assistant":
            turn.calls.append((part, answers.get((place, index))))
        elif part["type"] == "tool_result" and turn.calls:
            turns.append(_Turn())
    return turns


def _form(
    message: HistoryMessage, turn: _Turn, calls: Sequence[ToolCallPart]
) -> dict[str, Any] | None:
    text = "\n\n".join(turn.texts)
    if not (text or turn.images or calls):
        return None
    form: dict[str, Any] = {"role": message.role, "content": text or None}
    if turn.images:
        form["content"] = _mixed_content(text, turn.images)
    if message.name:
        form["name"] = _UNFIT_FOR_NAME.sub("_", message.name)[:_NAME_CHARACTERS]
    if calls:
        form["tool_calls"] = [_call_form(call) for call in calls]
    return form


def _mixed_content(text: str, images: Iterable[str]) -> list[dict[str, Any]]:
    told = [{"type": "text", "text": text}] if text else []
    return [*told, *({"type": "image_url", "image_url": {"url": url}} for url in images)]


def _call_form(call: ToolCallPart) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": _json_text(call["arguments"])}
    return {"id": call["call_id"], "type": "function", "function": function}


def _result_form(result: ToolResultPart) -> dict[str, Any]:
    content = _json_text(result["result"])
    return {"role": "tool", "tool_call_id": result["call_id"], "content": content}


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _form_tokens(form: dict[str, Any], message: HistoryMessage | None = None) -> int:
    """The cost of one message; that of a content that ``message`` already knows is not counted."""
    tokens = MESSAGE_TOKENS + _role_tokens(form["role"])
    if message is not None and form["content"] == message.content:
        tokens += message.token_count
    else:
        tokens += _content_tokens(form["content"])
    if "name" in form:
        tokens += NAME_TOKENS + count_tokens(form["name"])
    if "tool_call_id" in form:
        tokens += count_tokens(form["tool_call_id"])
    return tokens + sum(map(_call_tokens, form.get("tool_calls", ())))


@lru_cache(maxsize=16)
def _role_tokens(role: str) -> int:
    return count_tokens(role)


def _content_tokens(content: str | list[dict[str, Any]] | None) -> int:
    if not isinstance(content, list):
        return count_tokens(content or "")
    return sum(
        count_tokens(part["text"]) if part["type"] == "text" else IMAGE_TOKENS for part in content
    )


def _call_tokens(call: dict[str, Any]) -> int:
    """A call is reckoned as a message of its own, its name in the place of the role."""
    function = call["function"]
    texts = (call["id"], function["name"], function["arguments"])
    return MESSAGE_TOKENS + sum(map(count_tokens, texts))


def spoken(message: HistoryMessage) -> str:
    """All a message says as plain text, with its calls and results; not what was reasoned."""
    parts = message.parts or [text_part(message.content)]
    return "\n".join(filter(None, map(_spoken_part, parts)))


def _spoken_part(part: MessagePart) -> str:
    match part["type"]:
        case "text":
            return part["text"]
        case "tool_call":
            return f"[calls {part['name']}({_json_text(part['arguments'])})]"
        case "tool_result":
            return f"[{part.get('name') or 'result'}: {_json_text(part['result'])}]"
        case "media":
            return f"[{part.get('name') or part['media_type']}]"
        case _:
            return ""
