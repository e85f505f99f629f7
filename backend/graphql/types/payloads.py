"""What mutations answer: the changed entity, or why nothing changed."""

from typing import Any

import strawberry

from backend.graphql.context import Info
from backend.graphql.errors import Payload, UserError
from backend.graphql.execution.loading import loaded
from backend.graphql.fields import leaf, resolved
from backend.graphql.types.conversations import Conversation
from backend.graphql.types.enums import ImportFormat, stored
from backend.graphql.types.messages import Message
from backend.ids import parse_id

ERRORS = "Expected failures; empty where it succeeded."


@loaded
async def payload_conversation(root: strawberry.Parent[Any], info: Info) -> Any:
    """The conversation as it is after the change, read only when it is asked for."""
    if root.conversation_id is None:
        return None
    return await info.context.loaders.conversations.load(root.conversation_id)


@loaded
async def payload_message(root: strawberry.Parent[Any], info: Info) -> Any:
    """The message as it is after the change, read only when it is asked for."""
    if root.message_id is None:
        return None
    return await info.context.loaders.messages.load(parse_id(root.message_id) or "")


@strawberry.type(description="A conversation, or a piece of one, that could not be imported.")
class ImportFailure:
    index: int = leaf("Its place in the input, from 0.")
    external_id: str | None = leaf("Its id there, where it has one.")
    reason: str = leaf("Why, for people.")


def report_format(root: strawberry.Parent[Any]) -> str:
    """The format that was read; what could not be read at all was taken for the plainest."""
    return root.format or stored(ImportFormat.PLAIN)


@strawberry.type(description="What an import took in and what it did not.")
class ImportReport:
    format: ImportFormat = resolved(report_format, "The format it was read as.")
    imported: int = leaf("Conversations that are new or changed.")
    unchanged: int = leaf("Conversations that were there already.")
    failed: int = leaf("Conversations that could not be taken in.")
    messages: int = leaf("Messages that are new or changed.")
    failures: list[ImportFailure] = leaf("One line for each failure.")


@strawberry.type(description="What making a conversation did.")
class CreateConversationPayload(Payload):
    conversation: Conversation | None = leaf("The conversation.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What changing a conversation did.")
class UpdateConversationPayload(Payload):
    conversation: Conversation | None = leaf("The conversation.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What deleting a conversation did.")
class DeleteConversationPayload(Payload):
    deleted_conversation_id: strawberry.ID | None = leaf("The id it had.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What forking did.")
class ForkConversationPayload(Payload):
    conversation: Conversation | None = leaf("The new conversation.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What adding a message did.")
class AddMessagePayload(Payload):
    message: Message | None = leaf("The message.", default=None)
    conversation: Conversation | None = resolved(payload_conversation, "Its conversation.")
    conversation_id: strawberry.Private[str | None] = None
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What adding messages did.")
class AddMessagesPayload(Payload):
    messages: list[Message] | None = leaf("The messages, in order.", default=None)
    conversation: Conversation | None = resolved(payload_conversation, "Their conversation.")
    conversation_id: strawberry.Private[str | None] = None
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What changing a message did.")
class UpdateMessagePayload(Payload):
    message: Message | None = leaf("The message.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What deleting a message did.")
class DeleteMessagePayload(Payload):
    deleted_message_ids: list[strawberry.ID] | None = leaf(
        "The ids of all that went.", default=None
    )
    conversation: Conversation | None = resolved(
        payload_conversation, "The conversation it was in."
    )
    conversation_id: strawberry.Private[str | None] = None
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What choosing a branch did.")
class SelectBranchPayload(Payload):
    conversation: Conversation | None = leaf("The conversation.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What judging a message did.")
class SetFeedbackPayload(Payload):
    message: Message | None = leaf("The message.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What beginning a message did.")
class StartMessagePayload(Payload):
    message: Message | None = leaf("The message.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What appending did.")
class AppendToMessagePayload(Payload):
    message: Message | None = resolved(payload_message, "The message with its text so far.")
    message_id: strawberry.Private[str | None] = None
    offset: int | None = leaf("Where the next append goes.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What closing a message did.")
class FinishMessagePayload(Payload):
    message: Message | None = leaf("The message.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)


@strawberry.type(description="What an import did.")
class ImportConversationsPayload(Payload):
    report: ImportReport | None = leaf("What was taken in and what was not.", default=None)
    user_errors: list[UserError] = leaf(ERRORS, default_factory=list)
