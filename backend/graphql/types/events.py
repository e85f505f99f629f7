"""What subscriptions tell: views of changes, each with the cursor to resume after it."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from graphql import GraphQLResolveInfo

from backend.graphql.fields import leaf
from backend.graphql.scalars import Cursor
from backend.graphql.types.conversations import Conversation
from backend.graphql.types.event_views import EventView
from backend.graphql.types.messages import Message
from backend.graphql.types.pages import PageInfo


def _kind(*kinds: str) -> Callable[[Any, GraphQLResolveInfo[Any]], bool]:
    def is_type_of(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(value, EventView) and value.change.record.kind in kinds

    return is_type_of


CURSOR = "Where to resume after this event."


@strawberry.type(description="A message is new.")
class MessageAdded:
    cursor: Cursor = leaf(CURSOR)
    message: Message = leaf("The message.")

    is_type_of = _kind("added")


@strawberry.type(description="A message was edited, judged, finished or hung elsewhere.")
class MessageUpdated:
    cursor: Cursor = leaf(CURSOR)
    message: Message = leaf("The message as it is now.")

    is_type_of = _kind("updated")


@strawberry.type(description="Text was appended to a message that is being written.")
class MessageDelta:
    cursor: Cursor = leaf(CURSOR)
    message_id: strawberry.ID = leaf("The message.")
    offset: int = leaf("Where the text starts, in characters (code points).")
    text: str = leaf("The text.")

    is_type_of = _kind("delta")


@strawberry.type(
    description="A message is gone. Where what hung below it stays, those right below it follow as "
    "updated, with their new parent, and all below stand one place higher."
)
class MessageDeleted:
    cursor: Cursor = leaf(CURSOR)
    message_id: strawberry.ID = leaf("The id it had.")

    is_type_of = _kind("deleted")


@strawberry.type(description="The conversation itself changed: title, flags, active branch.")
class ConversationUpdated:
    cursor: Cursor = leaf(CURSOR)
    conversation: Conversation = leaf("The conversation as it is now.")

    is_type_of = _kind("conversation")


@strawberry.type(description="The conversation is gone; nothing follows.")
class ConversationDeleted:
    cursor: Cursor = leaf(CURSOR)
    conversation_id: strawberry.ID = leaf("The id it had.")

    is_type_of = _kind("gone")


@strawberry.type(
    description="The cursor cannot be honoured: read the conversation again, go on from this one."
)
class StreamReset:
    cursor: Cursor = leaf(CURSOR)
    reason: str = leaf("Why, for people.")

    is_type_of = _kind("reset")


ConversationEvent = Annotated[
    MessageAdded
    | MessageUpdated
    | MessageDelta
    | MessageDeleted
    | ConversationUpdated
    | ConversationDeleted
    | StreamReset,
    strawberry.union("ConversationEvent", description="Something that happened in it."),
]


@strawberry.type(description="A conversation of the list is new, changed or gone.")
class ConversationChanged:
    cursor: Cursor = leaf(CURSOR)
    conversation_id: strawberry.ID = leaf("The conversation.")
    conversation: Conversation | None = leaf("As it is now; null where it is gone.")


@strawberry.type(description="Something that happened, in a page.")
class ConversationEventEdge:
    cursor: Cursor = leaf("Where to resume after it.")
    node: ConversationEvent = leaf("What happened.")


@strawberry.type(description="A page of what happened in a conversation.")
class ConversationEventConnection:
    edges: list[ConversationEventEdge] = leaf("What happened with its cursors, in order.")
    nodes: list[ConversationEvent] = leaf("What happened, in order.")
    page_info: PageInfo = leaf("Where the page lies.")
