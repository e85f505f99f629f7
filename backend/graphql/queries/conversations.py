"""Reading conversations: one, or a page of the list."""

from typing import Annotated

import strawberry

from backend.graphql.context import Info
from backend.graphql.execution.columns import columns_read
from backend.graphql.execution.foresight import foreseen, foresees
from backend.graphql.execution.loading import loaded
from backend.graphql.fields import resolved
from backend.graphql.limits import connection_size
from backend.graphql.scalars import Cursor
from backend.graphql.types.conversations import (
    Conversation,
    ConversationConnection,
    conversation_messages,
    messages_view,
    page_foreseen,
)
from backend.graphql.types.inputs import ConversationFilter, ConversationOrder
from backend.graphql.types.pages import ConnectionView
from backend.ids import parse_id
from backend.limits import CONVERSATIONS_DEFAULT
from backend.repositories.records import ConversationRecord
from backend.services.paging import conversation_cursors, conversation_window

_ANY = ConversationFilter().chosen()
_LATEST = ConversationOrder().chosen()


@foresees(conversation_messages)
@loaded
async def one_conversation(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
) -> ConversationRecord | None:
    """The conversation, or None."""
    conversation_id = parse_id(id)
    if conversation_id is None:
        return None
    columns = columns_read(info, ConversationRecord)
    loaders, ahead = info.context.loaders, foreseen(info)
    asked = page_foreseen(ahead) if ahead is not None else None
    if ahead is None or asked is None:
        return await loaders.conversations_with(columns).load(conversation_id)
    thread = await loaders.threads(columns, asked).load(conversation_id)
    if thread is None:
        return None
    conversation, page = thread
    ahead.answer(conversation, messages_view(conversation, info, asked.scope, page))
    return conversation


async def many_conversations(
    info: Info,
    filter: Annotated[
        ConversationFilter | None,
        strawberry.argument(description="Which; by default all that are not archived."),
    ] = None,
    order_by: Annotated[
        ConversationOrder | None,
        strawberry.argument(description="In which order; by default the latest activity first."),
    ] = None,
    first: Annotated[
        int | None, strawberry.argument(description="How many, from the beginning; 0 to 200.")
    ] = None,
    after: Annotated[
        Cursor | None, strawberry.argument(description="Only those after this place.")
    ] = None,
    last: Annotated[
        int | None, strawberry.argument(description="How many, from the end; 0 to 200.")
    ] = None,
    before: Annotated[
        Cursor | None, strawberry.argument(description="Only those before this place.")
    ] = None,
) -> ConnectionView:
    """A page of the list."""
    chosen = filter.chosen() if filter else _ANY
    order = order_by.chosen() if order_by else _LATEST
    window = conversation_window(order, first=first, after=after, last=last, before=before)

    async def count() -> int:
        return await info.context.loaders.list_lengths.load(chosen)

    async with info.context.store.read(info.context.viewer, long=chosen.is_narrow) as unit:
        columns = columns_read(info, ConversationRecord)
        page = await unit.conversations.page(chosen, order, window, columns)
    return ConnectionView(page, conversation_cursors(order), count)


@strawberry.type
class ConversationQueries:
    conversation: Conversation | None = resolved(
        one_conversation, "One conversation; null where you have none of this id."
    )
    conversations: ConversationConnection = resolved(
        many_conversations,
        "Your conversations, a page at a time: 20 unless first or last says otherwise.",
        directives=[connection_size(CONVERSATIONS_DEFAULT)],
    )
