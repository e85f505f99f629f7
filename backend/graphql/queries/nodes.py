"""Reading anything by its id alone."""

from __future__ import annotations

import asyncio
from typing import Annotated

import strawberry

from backend.errors import LimitExceeded
from backend.graphql.context import Info
from backend.graphql.fields import resolved
from backend.graphql.limits import sized_by
from backend.graphql.types.messages import Message
from backend.graphql.types.node import Node
from backend.ids import parse_id
from backend.limits import PAGE_SIZE
from backend.repositories.records import ConversationRecord, MessageRecord


async def one_message(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
) -> MessageRecord | None:
    """The message, or None."""
    message_id = parse_id(id)
    return await info.context.loaders.messages.load(message_id) if message_id else None


async def one_node(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
) -> ConversationRecord | MessageRecord | None:
    """Whatever has this id, or None."""
    node_id = parse_id(id)
    if node_id is None:
        return None
    conversation, message = await asyncio.gather(
        info.context.loaders.conversations.load(node_id),
        info.context.loaders.messages.load(node_id),
    )
    return conversation or message


async def many_nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids; up to 200.")],
) -> list[ConversationRecord | MessageRecord | None]:
    """What has these ids, each at the place of its id."""
    if len(ids) > PAGE_SIZE:
        raise LimitExceeded(f"At most {PAGE_SIZE} ids at once.", field=("ids",))
    return list(await asyncio.gather(*(one_node(info, each) for each in ids)))


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
