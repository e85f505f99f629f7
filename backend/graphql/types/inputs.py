"""What mutations and filters take, and how it becomes what services take."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from backend.graphql.fields import leaf
from backend.graphql.types.enums import (
    ConversationOrderField,
    ImportFormat,
    MessageStatus,
    OrderDirection,
    Role,
    stored,
)
from backend.graphql.types.parts import MessagePartInput, stored_part
from backend.repositories.conversations import ConversationFilter as Filter
from backend.repositories.conversations import ConversationOrder as Order
from backend.services.drafts import MessageDraft, Usage, asked_tags
from backend.services.paging import OrderField, conversation_order
from backend.utils.text_processor import title_key

ORDER_FIELDS: dict[ConversationOrderField, OrderField] = {
    ConversationOrderField.LAST_ACTIVITY: "last_activity",
    ConversationOrderField.CREATED_AT: "created_at",
    ConversationOrderField.TITLE: "title",
}


@strawberry.input(description="Which conversations; what is left out asks for nothing.")
class ConversationFilter:
    archived: bool | None = leaf("Only those put away, or not; null for both.", default=False)
    pinned: bool | None = leaf("Only those kept in sight, or not.", default=None)
    tags: list[str] | None = leaf("Only those with all of these tags.", default=None)
    title_contains: str | None = leaf(
        "Only those whose title holds this, without regard to case and accents.", default=None
    )
    created_after: datetime | None = leaf("Only those made after.", default=None)
    created_before: datetime | None = leaf("Only those made before.", default=None)
    active_after: datetime | None = leaf("Only those active after.", default=None)
    active_before: datetime | None = leaf("Only those active before.", default=None)

    def chosen(self) -> Filter:
        """What the repository takes."""
        return Filter(
            archived=self.archived,
            pinned=self.pinned,
            tags=asked_tags(self.tags or ()),
            title_contains=title_key(self.title_contains) if self.title_contains else None,
            created_after=self.created_after,
            created_before=self.created_before,
            active_after=self.active_after,
            active_before=self.active_before,
        )


@strawberry.input(description="The order of a list of conversations.")
class ConversationOrder:
    field: ConversationOrderField = leaf(
        "What they are ordered by.", default=ConversationOrderField.LAST_ACTIVITY
    )
    direction: OrderDirection = leaf("Which way.", default=OrderDirection.DESC)

    def chosen(self) -> Order:
        """What the repository takes."""
        return conversation_order(
            ORDER_FIELDS[self.field], descending=self.direction is OrderDirection.DESC
        )


@strawberry.input(description="What a model counted.")
class TokenUsageInput:
    input_tokens: int | None = leaf("Tokens read.", default=None)
    output_tokens: int | None = leaf("Tokens written, reasoning included.", default=None)
    reasoning_tokens: int | None = leaf("Tokens of reasoning among those.", default=None)


@strawberry.input(description="A message to be written: content or parts, one of the two.")
class NewMessageInput:
    role: Role = leaf("Who speaks.")
    id: strawberry.ID | None = leaf(
        "A UUID chosen by the client: sending it again returns the same message.", default=None
    )
    name: str | None = leaf("The speaker's name; up to 200 characters.", default=None)
    content: str | None = leaf("Plain text; up to 1 MiB.", default=None)
    parts: list[MessagePartInput] | None = leaf("Typed parts; up to 100.", default=None)
    model: str | None = leaf("The model that wrote it.", default=None)
    usage: TokenUsageInput | None = leaf("What the model counted.", default=None)
    metadata: JSON | None = leaf("An object of up to 16 KiB.", default=None)
    created_at: datetime | None = leaf("When it was written; by default now.", default=None)


@strawberry.input(description="A message for a conversation.")
class AddMessageInput(NewMessageInput):
    conversation_id: strawberry.ID = leaf("The conversation.")
    parent_id: strawberry.ID | None = leaf(
        "The message it hangs below; by default the last of the active branch. An earlier one "
        "starts a branch, which becomes the active one.",
        default=None,
    )
    new_root: bool = leaf(
        "Whether it stands beside the first message, as an alternative beginning.", default=False
    )


@strawberry.input(description="Messages for a conversation, each below the one before.")
class AddMessagesInput:
    conversation_id: strawberry.ID = leaf("The conversation.")
    messages: list[NewMessageInput] = leaf("The messages; up to 250, all or none.")
    parent_id: strawberry.ID | None = leaf(
        "The message the first hangs below; by default the last of the active branch.",
        default=None,
    )


@strawberry.input(description="A conversation to be made.")
class CreateConversationInput:
    id: strawberry.ID | None = leaf(
        "A UUID chosen by the client: sending it again returns the same conversation.",
        default=None,
    )
    title: str | None = leaf(
        "Up to 300 characters; by default made from the first user message.", default=None
    )
    metadata: JSON | None = leaf("An object of up to 16 KiB.", default=None)
    tags: list[str] | None = leaf("Up to 32 of up to 64 characters.", default=None)
    pinned: bool | None = leaf("Whether it is kept in sight.", default=None)
    messages: list[NewMessageInput] | None = leaf("Its first messages; up to 250.", default=None)


@strawberry.input(description="What to change of a conversation; what is left out stays.")
class UpdateConversationInput:
    id: strawberry.ID = leaf("The conversation.")
    title: str | None = leaf("Up to 300 characters.", default=None)
    metadata: JSON | None = leaf("An object of up to 16 KiB, in place of the old.", default=None)
    tags: list[str] | None = leaf("In place of the old ones.", default=None)
    pinned: bool | None = leaf("Whether it is kept in sight.", default=None)
    archived: bool | None = leaf("Whether it is put away.", default=None)
    expected_revision: int | None = leaf(
        "CONFLICT unless the conversation is at this revision.", default=None
    )


@strawberry.input(description="The conversation to delete, with all in it.")
class DeleteConversationInput:
    id: strawberry.ID = leaf("The conversation.")


@strawberry.input(description="Where to fork.")
class ForkConversationInput:
    message_id: strawberry.ID = leaf("The last message of the copy.")
    title: str | None = leaf("The copy's title; by default the same.", default=None)


@strawberry.input(description="What to change of a message; what is left out stays.")
class UpdateMessageInput:
    id: strawberry.ID = leaf("The message.")
    content: str | None = leaf("The new text; the old one is kept in versions.", default=None)
    parts: list[MessagePartInput] | None = leaf("The new parts.", default=None)
    metadata: JSON | None = leaf("An object of up to 16 KiB, in place of the old.", default=None)
    expected_revision: int | None = leaf(
        "CONFLICT unless the message is at this revision.", default=None
    )


@strawberry.input(description="The message to delete.")
class DeleteMessageInput:
    id: strawberry.ID = leaf("The message.")
    descendants: bool = leaf(
        "Whether all below it goes too; otherwise that hangs below its parent.", default=True
    )


@strawberry.input(description="The branch to show.")
class SelectBranchInput:
    message_id: strawberry.ID = leaf("A message on it; it is shown on to its newest end.")


@strawberry.input(description="What a reader thinks of a message.")
class SetFeedbackInput:
    message_id: strawberry.ID = leaf("The message.")
    rating: int = leaf("1 for good, -1 for bad, 0 for neither.")
    comment: str | None = leaf("Up to 4,000 characters.", default=None)
    tags: list[str] | None = leaf("Up to 32 of up to 64 characters.", default=None)


@strawberry.input(description="A message to be written piece by piece.")
class StartMessageInput:
    conversation_id: strawberry.ID = leaf("The conversation.")
    parent_id: strawberry.ID | None = leaf(
        "The message it hangs below; by default the last of the active branch.", default=None
    )
    id: strawberry.ID | None = leaf(
        "A UUID chosen by the client: sending it again returns the same message.", default=None
    )
    role: Role = leaf("Who speaks.", default=Role.ASSISTANT)
    name: str | None = leaf("The speaker's name; up to 200 characters.", default=None)
    model: str | None = leaf("The model that writes it.", default=None)
    metadata: JSON | None = leaf("An object of up to 16 KiB.", default=None)


@strawberry.input(description="Text to append.")
class AppendToMessageInput:
    id: strawberry.ID = leaf("The message.")
    offset: int = leaf("Where the text starts, in characters (code points).")
    text: str = leaf("The text.")


@strawberry.input(description="How a message ends.")
class FinishMessageInput:
    id: strawberry.ID = leaf("The message.")
    status: MessageStatus = leaf("COMPLETE, INCOMPLETE or FAILED.", default=MessageStatus.COMPLETE)
    finish_reason: str | None = leaf("Why the model stopped, in its own words.", default=None)
    usage: TokenUsageInput | None = leaf("What the model counted.", default=None)
    parts: list[MessagePartInput] | None = leaf(
        "What it said besides the text, like calls of tools; text among them must be the appended.",
        default=None,
    )


@strawberry.input(description="Old chats to take in.")
class ImportConversationsInput:
    data: JSON = leaf("The export, as the JSON it is.")
    format: ImportFormat | None = leaf("Its format; by default it is detected.", default=None)
    dry_run: bool = leaf("Whether only to report what would be imported.", default=False)


def message_drafts(given: Sequence[NewMessageInput] | None) -> list[MessageDraft]:
    """Messages in a list as services take them."""
    return [message_draft(each, ("messages", str(place))) for place, each in enumerate(given or ())]


def message_draft(given: NewMessageInput, path: tuple[str, ...] = ()) -> MessageDraft:
    """A message as services take it."""
    return MessageDraft(
        role=stored(given.role),
        content=given.content,
        parts=stored_parts(given.parts),
        id=given.id,
        name=given.name,
        model=given.model,
        usage=usage_of(given.usage) if given.usage else Usage(),
        metadata=given.metadata,
        created_at=given.created_at,
        path=path,
    )


def usage_of(given: TokenUsageInput) -> Usage:
    """What a model counted, as services take it."""
    return Usage(given.input_tokens, given.output_tokens, given.reasoning_tokens)


def stored_parts(given: Sequence[MessagePartInput] | None) -> list[Any] | None:
    """Parts as they are stored."""
    return None if given is None else [stored_part(each) for each in given]
