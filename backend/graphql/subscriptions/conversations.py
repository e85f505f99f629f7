"""Following conversations: one, or the viewer's whole list."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import strawberry

from backend.errors import Invalid
from backend.graphql.context import Info
from backend.graphql.scalars import Cursor
from backend.graphql.types.event_views import EventView, ListEventView
from backend.graphql.types.events import ConversationChanged, ConversationEvent, MessageAdded
from backend.ids import parse_id
from backend.services.followers import Change

ADDED = "added"
"""The kind of change that a new message is."""

After = Annotated[
    Cursor | None,
    strawberry.argument(
        description="Replay everything after this cursor, then go live; null starts now."
    ),
]
Followed = Annotated[strawberry.ID, strawberry.argument(description="The conversation.")]


async def follow_messages(
    info: Info, conversation_id: Followed, after: After = None
) -> AsyncGenerator[Any, None]:
    """Every new message, once, in order."""
    async with aclosing(_events(info, conversation_id, after, only=ADDED)) as events:
        async for event in events:
            if event.record.kind == "reset":
                # The type has no place for it, and silence would hide that something is missing.
                raise Invalid(f"{event.record.text} Read the messages again.", field=("after",))
            if event.record.kind == ADDED:
                yield event


async def follow_events(
    info: Info, conversation_id: Followed, after: After = None
) -> AsyncGenerator[Any, None]:
    """Everything that happens in a conversation, in order."""
    async with aclosing(_events(info, conversation_id, after)) as events:
        async for event in events:
            yield event


async def follow_list(info: Info, after: After = None) -> AsyncGenerator[Any, None]:
    """Every change of the viewer's list."""
    context = info.context
    outlet = context.outlet(ListEventView)
    changes = context.services.live.owner(
        context.viewer, context.resume_after or after, outlet, context.begun
    )
    async with aclosing(changes):
        async for change in changes:
            yield ListEventView(change)


async def _events(
    info: Info, conversation_id: str, after: str | None, only: str = ""
) -> AsyncGenerator[EventView, None]:
    context = info.context
    canonical = parse_id(conversation_id) or ""

    def view(change: Change) -> EventView | None:
        return EventView(change, canonical) if only in ("", change.record.kind) else None

    changes = context.services.live.conversation(
        context.viewer,
        conversation_id,
        context.resume_after or after,
        context.outlet(view),
        context.begun,
    )
    async with aclosing(changes):
        async for change in changes:
            yield EventView(change, canonical)


def _streamed(resolver: Any, description: str) -> Any:
    return strawberry.subscription(resolver=resolver, description=description)


@strawberry.type(description="What happens, as it happens, each thing once and in order.")
class Subscription:
    message_added: MessageAdded = _streamed(
        follow_messages, "The new messages of a conversation, on whatever branch."
    )
    conversation_events: ConversationEvent = _streamed(
        follow_events, "Everything that happens in a conversation; ends when it is deleted."
    )
    conversation_changed: ConversationChanged = _streamed(
        follow_list, "The viewer's whole list: what a sidebar shows."
    )
