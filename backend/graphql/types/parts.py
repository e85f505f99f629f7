"""The typed parts of a message."""

from collections.abc import Callable
from typing import Annotated, Any

import orjson
import strawberry
from strawberry.scalars import JSON

from backend.graphql.fields import leaf
from backend.utils import message_parts as stored

INT_END = 2**31


@strawberry.type(description="Plain text.")
class TextPart:
    text: str = leaf("The text.")


@strawberry.type(description="What a model thought before it answered.")
class ReasoningPart:
    text: str = leaf("The text.")


@strawberry.type(description="A model's call of a tool.")
class ToolCallPart:
    call_id: str = leaf("What the result refers to.")
    name: str = leaf("The tool's name.")
    arguments: JSON = leaf("The arguments, usually an object.")


@strawberry.type(description="What a tool answered.")
class ToolResultPart:
    call_id: str = leaf("The call it answers.")
    name: str | None = leaf("The tool's name.")
    result: JSON = leaf("The answer.")
    is_error: bool = leaf("Whether the tool failed.")


@strawberry.type(description="A picture, sound or file, by its address.")
class MediaPart:
    media_type: str = leaf("Its kind, like image/png.")
    url: str = leaf("Where it lies; may be a data: address.")
    name: str | None = leaf("Its file name.")
    size: int | None = leaf("Its size in bytes; null where unknown or over 2 GiB.")


@strawberry.type(description="Anything else a program keeps with a message.")
class DataPart:
    type: str = leaf("What it is, by the program's own name.")
    data: JSON = leaf("The value.")


MessagePart = Annotated[
    TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | DataPart,
    strawberry.union("MessagePart", description="A piece of a message."),
]


def _media(part: Any) -> MediaPart:
    size = part.get("size")
    fits = isinstance(size, int) and 0 <= size < INT_END
    return MediaPart(
        media_type=part["media_type"],
        url=part["url"],
        name=part.get("name"),
        size=size if fits else None,
    )


_VIEWS: dict[str, Callable[[Any], Any]] = {
    "text": lambda part: TextPart(text=part["text"]),
    "reasoning": lambda part: ReasoningPart(text=part["text"]),
    "tool_call": lambda part: ToolCallPart(
        call_id=part["call_id"], name=part["name"], arguments=part["arguments"]
    ),
    "tool_result": lambda part: ToolResultPart(
        call_id=part["call_id"],
        name=part.get("name"),
        result=part["result"],
        is_error=part["is_error"],
    ),
    "media": _media,
    "data": lambda part: DataPart(type=part["data_type"], data=part["data"]),
}


def part_views(content: str, parts_json: str | None) -> list[Any]:
    """The parts of a message; one of text where only its content is kept."""
    if parts_json is None:
        return [TextPart(text=content)] if content else []
    return [_VIEWS[part["type"]](part) for part in orjson.loads(parts_json)]


@strawberry.input(description="A text.")
class TextPartInput:
    text: str = leaf("The text.")


@strawberry.input(description="A model's call of a tool.")
class ToolCallPartInput:
    call_id: str = leaf("What the result will refer to.")
    name: str = leaf("The tool's name.")
    arguments: JSON = leaf("The arguments, usually an object.")


@strawberry.input(description="What a tool answered.")
class ToolResultPartInput:
    call_id: str = leaf("The call it answers.")
    result: JSON = leaf("The answer.")
    name: str | None = leaf("The tool's name.", default=None)
    is_error: bool = leaf("Whether the tool failed.", default=False)


@strawberry.input(description="A picture, sound or file, by its address.")
class MediaPartInput:
    media_type: str = leaf("Its kind, like image/png.")
    url: str = leaf("Where it lies; may be a data: address.")
    name: str | None = leaf("Its file name.", default=None)
    size: int | None = leaf("Its size in bytes.", default=None)


@strawberry.input(description="Anything else a program keeps with a message.")
class DataPartInput:
    type: str = leaf("What it is, by the program's own name.")
    data: JSON = leaf("The value.")


@strawberry.input(one_of=True, description="A piece of a message: exactly one of these.")
class MessagePartInput:
    text: TextPartInput | None = leaf("Plain text.", default=strawberry.UNSET)
    reasoning: TextPartInput | None = leaf("A model's reasoning.", default=strawberry.UNSET)
    tool_call: ToolCallPartInput | None = leaf("A call of a tool.", default=strawberry.UNSET)
    tool_result: ToolResultPartInput | None = leaf("A tool's answer.", default=strawberry.UNSET)
    media: MediaPartInput | None = leaf("A picture, sound or file.", default=strawberry.UNSET)
    data: DataPartInput | None = leaf("Anything else.", default=strawberry.UNSET)


def stored_part(given: MessagePartInput) -> stored.MessagePart:
    """A part as it is stored."""
    if given.text:
        return {"type": "text", "text": given.text.text}
    if given.reasoning:
        return {"type": "reasoning", "text": given.reasoning.text}
    if given.tool_call:
        call = given.tool_call
        return {
            "type": "tool_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        }
    if given.tool_result:
        return _stored_result(given.tool_result)
    if given.media:
        media = given.media
        return {
            "type": "media",
            "media_type": media.media_type,
            "url": media.url,
            "name": media.name,
            "size": media.size,
        }
    data = given.data
    return {
        "type": "data",
        "data_type": data.type if data else "",
        "data": data.data if data else None,
    }


def _stored_result(given: ToolResultPartInput) -> stored.ToolResultPart:
    return {
        "type": "tool_result",
        "call_id": given.call_id,
        "name": given.name,
        "result": given.result,
        "is_error": given.is_error,
    }
