"""Messages that are written while they are read."""

from typing import Any

import strawberry

from backend.graphql.context import Info
from backend.graphql.errors import payload
from backend.graphql.fields import resolved
from backend.graphql.mutations.arguments import Input
from backend.graphql.types.enums import stored
from backend.graphql.types.inputs import (
    AppendToMessageInput,
    FinishMessageInput,
    StartMessageInput,
    stored_parts,
    usage_of,
)
from backend.graphql.types.payloads import (
    AppendToMessagePayload,
    FinishMessagePayload,
    StartMessagePayload,
)
from backend.services.drafts import MessageDraft


async def start_message(info: Info, input: Input[StartMessageInput]) -> Any:
    """Begins a message."""

    async def act() -> StartMessagePayload:
        draft = MessageDraft(
            role=stored(input.role),
            id=input.id,
            name=input.name,
            model=input.model,
            metadata=input.metadata,
        )
        begun: Any = await info.context.services.streaming.start(
            info.context.viewer, input.conversation_id, draft, parent_id=input.parent_id
        )
        return StartMessagePayload(message=begun)

    return await payload(info, input, StartMessagePayload, act())


async def append_to_message(info: Info, input: Input[AppendToMessageInput]) -> Any:
    """Appends text."""

    async def act() -> AppendToMessagePayload:
        offset = await info.context.services.streaming.append(
            info.context.viewer, input.id, input.offset, input.text
        )
        return AppendToMessagePayload(offset=offset, message_id=input.id)

    return await payload(info, input, AppendToMessagePayload, act())


async def finish_message(info: Info, input: Input[FinishMessageInput]) -> Any:
    """Closes a message."""

    async def act() -> FinishMessagePayload:
        finished: Any = await info.context.services.streaming.finish(
            info.context.viewer,
            input.id,
            status=stored(input.status),
            finish_reason=input.finish_reason,
            usage=usage_of(input.usage) if input.usage else None,
            parts=stored_parts(input.parts),
        )
        return FinishMessagePayload(message=finished)

    return await payload(info, input, FinishMessagePayload, act())


@strawberry.type
class StreamingMutations:
    start_message: StartMessagePayload = resolved(
        start_message, "Begins a message that text is appended to; its status is STREAMING."
    )
    append_to_message: AppendToMessagePayload = resolved(
        append_to_message, "Appends text at an offset; the same piece twice changes nothing."
    )
    finish_message: FinishMessagePayload = resolved(
        finish_message, "Closes a message: what was appended is its text."
    )
