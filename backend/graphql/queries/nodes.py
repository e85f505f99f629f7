"""Reading anything by its id alone."""

from typing import Annotated, TypeVar

import strawberry

from backend.errors import LimitExceeded
from backend.graphql.context import Info
from backend.graphql.execution.loading import Loader, loaded
from backend.graphql.fields import resolved
from backend.graphql.limits import sized_by
from backend.graphql.types.messages import Message
from backend.graphql.types.node import Node
from backend.ids import parse_id
from backend.limits import PAGE_SIZE
from backend.repositories.records import ConversationRecord, MessageRecord

Row = TypeVar("Row", ConversationRecord, MessageRecord)


@loaded
async def one_message(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
) -> MessageRecord | None:
    """The message, or None."""
    message_id = parse_id(id)
    return await info.context.loaders.messages.load(message_id) if message_id else None


@loaded
async def one_node(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
) -> ConversationRecord | MessageRecord | None:
    """Whatever has this id, or None."""
    node_id = parse_id(id)
    if node_id is None:
        return None
    loaders = info.context.loaders
    return await loaders.conversations.load(node_id) or await loaders.messages.load(node_id)


@loaded
async def many_nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids; up to 200.")],
) -> list[ConversationRecord | MessageRecord | None]:
    """What has these ids, each at the place of its id."""
    if len(ids) > PAGE_SIZE:
        raise LimitExceeded(f"At most {PAGE_SIZE} ids at once.", field=("ids",))
    wanted = [parse_id(each) for each in ids]
    loaders = info.context.loaders
    conversations = await _found(loaders.conversations, wanted)
    messages = await _found(
        loaders.messages, [each for each in wanted if each not in conversations]
    )
    found: dict[str | None, ConversationRecord | MessageRecord] = {**conversations, **messages}
    return [found.get(each) for each in wanted]


async def _found(loader: Loader[str, Row | None], ids: list[str | None]) -> dict[str | None, Row]:
    known = [each for each in ids if each is not None]
    rows = await loader.load_many(known)
    return {each: row for each, row in zip(known, rows, strict=True) if row is not None}


@strawberry.type
class NodeQueries:
    node: Node | None = resolved(one_node, "Anything by its id; null where you have none of it.")
    nodes: list[Node | None] = resolved(
        many_nodes,
        "Several by their ids, each at the place of its id.",
        directives=[sized_by("ids", default=100)],
    )
    message: Message | None = resolved(
        one_message, "One message; null where you have none of this id."
    )
