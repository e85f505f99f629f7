"""Adding, changing, deleting and judging messages."""

from typing import Any

import strawberry

from backend.graphql.context import Info
from backend.graphql.errors import payload
from backend.graphql.fields import resolved
from backend.graphql.limits import sized_by
from backend.graphql.mutations.arguments import Input
from backend.graphql.types.inputs import (
    AddMessageInput,
    AddMessagesInput,
    DeleteMessageInput,
    SetFeedbackInput,
    UpdateMessageInput,
    message_draft,
    message_drafts,
    stored_parts,
)
from backend.graphql.types.payloads import (
    AddMessagePayload,
    AddMessagesPayload,
    DeleteMessagePayload,
    SetFeedbackPayload,
    UpdateMessagePayload,
)
from backend.services.messages import MessageChanges


async def add_message(info: Info, input: Input[AddMessageInput]) -> Any:
    """Adds one message."""

    async def act() -> AddMessagePayload:
        added: Any = await info.context.services.messages.add(
            info.context.viewer,
            input.conversation_id,
            [message_draft(input)],
            parent_id=input.parent_id,
            new_root=input.new_root,
        )
        return AddMessagePayload(message=added[0], conversation_id=added[0].conversation_id)

    return await payload(info, input, AddMessagePayload, act())


async def add_messages(info: Info, input: Input[AddMessagesInput]) -> Any:
    """Adds several messages, all or none."""

    async def act() -> AddMessagesPayload:
        added: Any = await info.context.services.messages.add(
            info.context.viewer,
            input.conversation_id,
            message_drafts(input.messages),
            parent_id=input.parent_id,
        )
        return AddMessagesPayload(messages=added, conversation_id=input.conversation_id.lower())

    return await payload(info, input, AddMessagesPayload, act())


async def update_message(info: Info, input: Input[UpdateMessageInput]) -> Any:
    """Changes a message."""

    async def act() -> UpdateMessagePayload:
        changes = MessageChanges(
            content=input.content,
            parts=stored_parts(input.parts),
            metadata=input.metadata,
            expected_revision=input.expected_revision,
        )
        services = info.context.services
        changed: Any = await services.messages.update(info.context.viewer, input.id, changes)
        return UpdateMessagePayload(message=changed)

    return await payload(info, input, UpdateMessagePayload, act())


async def delete_message(info: Info, input: Input[DeleteMessageInput]) -> Any:
    """Deletes a message."""

    async def act() -> DeleteMessagePayload:
        conversation_id, deleted = await info.context.services.messages.delete(
            info.context.viewer, input.id, descendants=input.descendants
        )
        return DeleteMessagePayload(
            deleted_message_ids=[strawberry.ID(each) for each in deleted],
            conversation_id=conversation_id,
        )

    return await payload(info, input, DeleteMessagePayload, act())


async def set_feedback(info: Info, input: Input[SetFeedbackInput]) -> Any:
    """Keeps what a reader thinks of a message."""

    async def act() -> SetFeedbackPayload:
        judged: Any = await info.context.services.messages.set_feedback(
            info.context.viewer,
            input.message_id,
            rating=input.rating,
            comment=input.comment,
            tags=input.tags or (),
        )
        return SetFeedbackPayload(message=judged)

    return await payload(info, input, SetFeedbackPayload, act())


@strawberry.type
class MessageMutations:
    add_message: AddMessagePayload = resolved(
        add_message, "Adds a message; sending the same id again changes nothing."
    )
    add_messages: AddMessagesPayload = resolved(
        add_messages,
        "Adds messages one below the other, all or none.",
        directives=[sized_by("input.messages", default=250, fields=["messages"])],
    )
    update_message: UpdateMessagePayload = resolved(
        update_message, "Changes a message and keeps its earlier text."
    )
    delete_message: DeleteMessagePayload = resolved(
        delete_message, "Deletes a message, with or without what hangs below it."
    )
    set_feedback: SetFeedbackPayload = resolved(
        set_feedback, "Keeps what a reader thinks of a message."
    )
