"""Making, changing, deleting and forking conversations."""

from typing import Any

import strawberry

from backend.graphql.context import Info
from backend.graphql.errors import payload
from backend.graphql.fields import resolved
from backend.graphql.mutations.arguments import Input
from backend.graphql.types.inputs import (
    CreateConversationInput,
    DeleteConversationInput,
    ForkConversationInput,
    SelectBranchInput,
    UpdateConversationInput,
    message_drafts,
)
from backend.graphql.types.payloads import (
    CreateConversationPayload,
    DeleteConversationPayload,
    ForkConversationPayload,
    SelectBranchPayload,
    UpdateConversationPayload,
)
from backend.services.conversations import ConversationChanges, ConversationDraft


async def create_conversation(info: Info, input: Input[CreateConversationInput]) -> Any:
    """Makes a conversation."""

    async def act() -> CreateConversationPayload:
        draft = ConversationDraft(
            id=input.id,
            title=input.title,
            metadata=input.metadata,
            tags=input.tags or (),
            pinned=bool(input.pinned),
            messages=message_drafts(input.messages),
        )
        made: Any = await info.context.services.conversations.create(info.context.viewer, draft)
        return CreateConversationPayload(conversation=made)

    return await payload(info, input, CreateConversationPayload, act())


async def update_conversation(info: Info, input: Input[UpdateConversationInput]) -> Any:
    """Changes a conversation."""

    async def act() -> UpdateConversationPayload:
        changes = ConversationChanges(
            title=input.title,
            metadata=input.metadata,
            tags=input.tags,
            pinned=input.pinned,
            archived=input.archived,
            expected_revision=input.expected_revision,
        )
        services = info.context.services
        changed: Any = await services.conversations.update(info.context.viewer, input.id, changes)
        return UpdateConversationPayload(conversation=changed)

    return await payload(info, input, UpdateConversationPayload, act())


async def delete_conversation(info: Info, input: Input[DeleteConversationInput]) -> Any:
    """Deletes a conversation."""

    async def act() -> DeleteConversationPayload:
        await info.context.services.conversations.delete(info.context.viewer, input.id)
        return DeleteConversationPayload(deleted_conversation_id=input.id)

    return await payload(info, input, DeleteConversationPayload, act())


async def fork_conversation(info: Info, input: Input[ForkConversationInput]) -> Any:
    """Copies a branch into a new conversation."""

    async def act() -> ForkConversationPayload:
        fork: Any = await info.context.services.conversations.fork(
            info.context.viewer, input.message_id, input.title
        )
        return ForkConversationPayload(conversation=fork)

    return await payload(info, input, ForkConversationPayload, act())


async def select_branch(info: Info, input: Input[SelectBranchInput]) -> Any:
    """Chooses the branch that is shown."""

    async def act() -> SelectBranchPayload:
        selected: Any = await info.context.services.conversations.select_branch(
            info.context.viewer, input.message_id
        )
        return SelectBranchPayload(conversation=selected)

    return await payload(info, input, SelectBranchPayload, act())


@strawberry.type
class ConversationMutations:
    create_conversation: CreateConversationPayload = resolved(
        create_conversation, "Makes a conversation, with its first messages where given."
    )
    update_conversation: UpdateConversationPayload = resolved(
        update_conversation, "Changes a conversation's own fields."
    )
    delete_conversation: DeleteConversationPayload = resolved(
        delete_conversation, "Deletes a conversation and all in it."
    )
    fork_conversation: ForkConversationPayload = resolved(
        fork_conversation, "Copies the branch down to a message into a new conversation."
    )
    select_branch: SelectBranchPayload = resolved(
        select_branch, "Makes the branch through a message the active one."
    )
