"""Conversations: a view of a row, with its messages one page at a time."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry.scalars import JSON

from backend.errors import Invalid, NotFound
from backend.graphql.context import Info
from backend.graphql.execution.columns import columns_read, reads
from backend.graphql.execution.foresight import Foresight
from backend.graphql.execution.loading import loaded
from backend.graphql.fields import leaf, resolved, stands_for
from backend.graphql.limits import connection_size, list_size, sized_by
from backend.graphql.scalars import Cursor
from backend.graphql.types.context_window import ContextWindow, conversation_context_window
from backend.graphql.types.enums import BranchScope, Role, stored
from backend.graphql.types.event_views import EventView
from backend.graphql.types.messages import Message, MessageConnection
from backend.graphql.types.node import Node
from backend.graphql.types.pages import EDGES, ConnectionView, PageInfo, total_count
from backend.ids import parse_id
from backend.limits import MESSAGES_DEFAULT
from backend.repositories.message_pages import MessageScope, PageAsked
from backend.repositories.pages import Page, Window, cut, page_size
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.services.paging import message_cursor, message_window

if TYPE_CHECKING:
    from backend.graphql.types.events import ConversationEventConnection

ConversationParent = strawberry.Parent[ConversationRecord]


@reads("metadata_json")
def conversation_metadata(root: ConversationParent) -> Any:
    """The metadata; an empty object where none was given."""
    return orjson.loads(root.metadata_json) if root.metadata_json else {}


@reads("source_format", "source_external_id")
def conversation_source(root: ConversationParent) -> "ImportSource | None":
    """Where it was imported from."""
    if root.source_format is None:
        return None
    return ImportSource(format=root.source_format, external_id=root.source_external_id or "")


@reads("id")
@loaded
async def conversation_tags(root: ConversationParent, info: Info) -> list[str]:
    """Its tags."""
    return await info.context.loaders.tags.load(root.id)


@reads("id", "message_count")
@loaded
async def conversation_last_message(root: ConversationParent, info: Info) -> MessageRecord | None:
    """The last message of the active branch."""
    if root.message_count == 0:
        return None
    return await info.context.loaders.last_messages.load(root.id)


@reads("forked_from_id")
@loaded
async def conversation_forked_from(root: ConversationParent, info: Info) -> MessageRecord | None:
    """The message it was forked at, as long as that exists."""
    if root.forked_from_id is None:
        return None
    return await info.context.loaders.messages.load(root.forked_from_id)


@reads("id")
@loaded
async def conversation_message(
    root: ConversationParent,
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
) -> MessageRecord | None:
    """One of its messages."""
    message_id = parse_id(id)
    found = await info.context.loaders.messages.load(message_id) if message_id else None
    return found if found and found.conversation_id == root.id else None


@reads("id", "message_count")
@loaded
async def conversation_messages(
    root: ConversationParent,
    info: Info,
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
    around: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The page with this message in its middle."),
    ] = None,
    branch: Annotated[
        BranchScope, strawberry.argument(description="The branch that is shown, or all.")
    ] = BranchScope.ACTIVE,
    roles: Annotated[
        list[Role] | None, strawberry.argument(description="Only those of these roles.")
    ] = None,
) -> ConnectionView:
    """A page of its messages."""
    if around is None:
        columns = columns_read(info, MessageRecord)
        asked = page_asked(columns, first, after, last, before, branch, roles)
        page = await info.context.loaders.pages(asked).load(root.id)
        return messages_view(root, info, asked.scope, page)
    if after is not None or before is not None:
        raise Invalid("Give around without after and before.", field=("around",))
    scope = _scope(branch, roles)
    size = message_window(first=first, last=last).size
    page = await _page_around(root, info, around, scope, size)
    return messages_view(root, info, scope, page)


def messages_view(
    root: ConversationRecord, info: Info, scope: MessageScope, page: Page[MessageRecord]
) -> ConnectionView:
    """A page of a conversation's messages, as ``messages`` returns it."""
    return ConnectionView(page, message_cursor, _counter(root, info, scope))


def page_asked(
    columns: frozenset[str] | None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    branch: BranchScope = BranchScope.ACTIVE,
    roles: list[Role] | None = None,
) -> PageAsked:
    """The page that these arguments of ``messages`` ask for; raises Invalid."""
    window = message_window(first=first, after=after, last=last, before=before)
    return PageAsked(_scope(branch, roles), window, columns)


def page_foreseen(ahead: Foresight) -> PageAsked | None:
    """The page that ``messages`` will ask for; None where it is one around a message."""
    given = dict(ahead.arguments)
    if given.pop("around", None) is not None:
        return None
    return page_asked(ahead.reads.get(MessageRecord), **given)


def _scope(branch: BranchScope, roles: list[Role] | None) -> MessageScope:
    names = tuple(dict.fromkeys(map(stored, roles))) if roles else ()
    return MessageScope(branch is BranchScope.ACTIVE, names)


async def _page_around(
    root: ConversationRecord, info: Info, around: str, scope: MessageScope, size: int
) -> Page[MessageRecord]:
    message = await conversation_message(root, info, strawberry.ID(around))
    if message is None:
        raise NotFound("There is no such message in this conversation.", field=("around",))
    if scope.active and not message.active:
        raise Invalid(
            "This message is on another branch: ask with branch: ALL, or select its branch first.",
            field=("around",),
        )
    return await info.context.loaders.pages_around(scope, size).load(message)


@reads("id")
async def conversation_changes(
    root: ConversationParent,
    info: Info,
    after: Annotated[
        Cursor | None, strawberry.argument(description="Only those after this place.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="How many; 0 to 200.")] = 100,
) -> ConnectionView:
    """A page of what happened, from the beginning where no cursor is given."""
    size, _ = page_size(first, None, default=first)
    live, viewer = info.context.services.live, info.context.viewer
    changes = await live.page(viewer, root.id, after, size + 1)
    views = [EventView(change, root.id) for change in changes]
    page = cut(views, Window(size), more_behind=after is not None)
    return ConnectionView(page, attrgetter("cursor"), _uncounted)


async def _uncounted() -> int:
    """Pages of events tell no total: what happened is not kept, only what became of it."""
    return 0


def _counter(
    root: ConversationRecord, info: Info, scope: MessageScope
) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        if scope.is_active_branch:
            return root.message_count
        return await info.context.loaders.counts(scope).load(root.id)

    return count


@strawberry.type(description="Where an imported conversation came from.")
class ImportSource:
    format: str = leaf("The format it was read from.")
    external_id: str = leaf("Its id there.")


@strawberry.type(description="A conversation: a tree of messages, one branch of which is shown.")
class Conversation(Node):
    id: strawberry.ID = leaf("A UUID in its usual text form, the same in REST.")
    title: str = leaf("What the list shows.")
    metadata: JSON = resolved(conversation_metadata, "Whatever a program keeps with it; an object.")
    tags: list[str] = resolved(
        conversation_tags, "Its tags, in the order they were given.", directives=[list_size(5)]
    )
    pinned: bool = leaf("Whether it is kept in sight.")
    archived: bool = leaf("Whether it is put away; lists leave it out unless asked.")
    created_at: datetime = leaf("When it was made.")
    updated_at: datetime = leaf("When anything in it last changed.")
    last_message_at: datetime | None = leaf(
        "When the newest message of any branch was written; null where there is none."
    )
    message_count: int = leaf("Messages on the active branch.")
    revision: int = leaf("Grows by one with every change inside the conversation.")
    last_message: Message | None = resolved(
        conversation_last_message, "The last message of the active branch."
    )
    message: Message | None = resolved(conversation_message, "One of its messages.")
    messages: MessageConnection = resolved(
        conversation_messages,
        "Its messages, oldest first, a page at a time: 50 unless first or last says otherwise.",
        directives=[connection_size(MESSAGES_DEFAULT)],
    )
    source: ImportSource | None = resolved(
        conversation_source, "Where it was imported from; null where it was not."
    )
    forked_from: Message | None = resolved(
        conversation_forked_from, "The message it was forked at, as long as that exists."
    )
    changes: Annotated[
        "ConversationEventConnection", strawberry.lazy("backend.graphql.types.events")
    ] = resolved(
        conversation_changes,
        "What happened after a cursor: the same events, in the same order, as the subscription's.",
        directives=[sized_by("first", default=100, fields=["edges", "nodes"])],
    )
    context_window: ContextWindow = resolved(
        conversation_context_window,
        "What of it goes to a model, within a budget of tokens.",
        directives=[sized_by("recent", "recall", default=MESSAGES_DEFAULT, fields=["messages"])],
    )

    is_type_of = stands_for(ConversationRecord)


@strawberry.type(description="A conversation in a page.")
class ConversationEdge:
    cursor: Cursor = leaf("Its place.")
    node: Conversation = leaf("The conversation.")


@strawberry.type(description="A page of conversations.")
class ConversationConnection:
    edges: list[ConversationEdge] = leaf("The conversations with their cursors.", metadata=EDGES)
    nodes: list[Conversation] = leaf("The conversations.")
    page_info: PageInfo = leaf("Where the page lies.")
    total_count: int = resolved(total_count, "How many conversations there are in all.")
