"""The plain way of this stack: Strawberry on FastAPI, ORM entities, a DataLoader for messages.

Started by ``benchmarks.peers.run`` with the address of a database as SQLAlchemy takes it. Written
as the libraries' own guides have it: a session for a request, the last messages of many
conversations by a window function, Strawberry's router as it comes.
"""

from __future__ import annotations

import sys
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import strawberry
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import aliased
from strawberry.dataloader import DataLoader
from strawberry.fastapi import GraphQLRouter

from backend.models import Conversation as ConversationRow
from backend.models import Message as MessageRow
from benchmarks.peers.limit import serve

ENGINE = create_async_engine(sys.argv[1] if len(sys.argv) > 1 else "sqlite+aiosqlite://")


@asynccontextmanager
async def session() -> AsyncIterator[AsyncSession]:
    """A session of its own for each read, as loaders run side by side."""
    async with AsyncSession(ENGINE) as opened:
        yield opened


async def last_messages(keys: Sequence[tuple[str, int]]) -> list[list[MessageRow]]:
    """The last messages of each conversation, and one more, oldest first."""
    most = max(count for _, count in keys) + 1
    ids = [key for key, _ in keys]
    place = func.row_number().over(
        partition_by=MessageRow.conversation_id, order_by=MessageRow.position.desc()
    )
    ranked = (
        select(MessageRow, place.label("place"))
        .where(MessageRow.owner_id == 1, MessageRow.conversation_id.in_(ids), MessageRow.active)
        .subquery()
    )
    message = aliased(MessageRow, ranked)
    async with session() as opened:
        found = await opened.scalars(select(message).where(ranked.c.place <= most))
        grouped: dict[str, list[MessageRow]] = defaultdict(list)
        for row in found:
            grouped[row.conversation_id].append(row)
    return [sorted(grouped[key], key=lambda row: row.position)[-count - 1 :] for key, count in keys]


@strawberry.type
class PageInfo:
    has_next_page: bool = False
    has_previous_page: bool = False
    start_cursor: str | None = None
    end_cursor: str | None = None


@strawberry.type
class Message:
    id: strawberry.ID
    role: str
    content: str
    created_at: datetime


@strawberry.type
class MessageEdge:
    cursor: str
    node: Message


@strawberry.type
class Messages:
    edges: list[MessageEdge]
    page_info: PageInfo


@strawberry.type
class Conversation:
    id: strawberry.ID
    title: str
    last_message_at: datetime | None
    message_count: int

    @strawberry.field
    async def messages(self, info: strawberry.Info, last: int) -> Messages:
        """The last messages."""
        rows = await info.context["messages"].load((self.id, last))
        edges = [
            MessageEdge(
                cursor=_cursor(row.added_revision),
                node=Message(
                    id=strawberry.ID(row.id),
                    role=row.role,
                    content=row.content,
                    created_at=row.created_at,
                ),
            )
            for row in rows[-last:]
        ]
        info_ = PageInfo(has_previous_page=len(rows) > last, start_cursor=edges[0].cursor)
        return Messages(edges=edges, page_info=info_)


@strawberry.type
class ConversationEdge:
    cursor: str
    node: Conversation


@strawberry.type
class Conversations:
    edges: list[ConversationEdge]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def conversations(self, first: int) -> Conversations:
        """The list, newest first."""
        row = ConversationRow
        statement = (
            select(row)
            .where(row.owner_id == 1, row.archived.is_(False))
            .order_by(row.last_activity_at.desc(), row.id.desc())
            .limit(first + 1)
        )
        async with session() as opened:
            rows = list(await opened.scalars(statement))
        edges = [
            ConversationEdge(cursor=_cursor(each.last_activity_at, each.id), node=_node(each))
            for each in rows[:first]
        ]
        info = PageInfo(has_next_page=len(rows) > first, end_cursor=edges[-1].cursor)
        return Conversations(edges=edges, page_info=info)

    @strawberry.field
    async def conversation(self, id: strawberry.ID) -> Conversation | None:  # noqa: A002
        """One conversation."""
        async with session() as opened:
            found = await opened.get(ConversationRow, (1, str(id)))
        return _node(found) if found else None


def _node(row: ConversationRow) -> Conversation:
    return Conversation(
        id=strawberry.ID(row.id),
        title=row.title,
        last_message_at=row.last_message_at,
        message_count=row.message_count,
    )


def _cursor(*key: object) -> str:
    return urlsafe_b64encode("|".join(map(str, key)).encode()).decode()


async def context() -> dict[str, Any]:
    """Loaders of one request."""
    return {"messages": DataLoader(load_fn=last_messages)}


if __name__ == "__main__":
    app = FastAPI()
    router: Any = GraphQLRouter(strawberry.Schema(Query), context_getter=context)
    app.include_router(router, prefix="/graphql")
    serve(app)
