"""A schema with every shape that limits price: connections, unions, interfaces, mutations."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry
from graphql import parse

from backend.graphql.limits import (
    Analysis,
    QueryLimits,
    analyse,
    connection_size,
    cost,
    cost_model,
    list_size,
    sized_by,
)


@strawberry.enum
class Role(enum.Enum):
    USER = "user"
    ASSISTANT = "assistant"


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class TextPart:
    text: str


@strawberry.type(directives=[cost(3)])
class MediaPart:
    url: str


Part = Annotated[TextPart | MediaPart, strawberry.union("Part")]


@strawberry.type(directives=[cost(0)])
class PageInfo:
    has_next_page: bool


@strawberry.type
class Message(Node):
    content: str
    role: Role
    conversation: Conversation
    siblings: list[Message] = strawberry.field(directives=[list_size(2)])
    parts: list[Part]
    tags: list[str]


@strawberry.type(directives=[cost(0)])
class MessageEdge:
    cursor: str
    node: Message


@strawberry.type
class MessageConnection:
    edges: list[MessageEdge]
    nodes: list[Message]
    page_info: PageInfo


def messages(
    first: int | None = None, last: int | None = None, role: Role | None = None
) -> MessageConnection:
    return MessageConnection(edges=[], nodes=[], page_info=PageInfo(has_next_page=False))


@strawberry.type
class Conversation(Node):
    title: str
    last_message: Message | None
    messages: MessageConnection = strawberry.field(
        resolver=messages, directives=[connection_size(50)]
    )


@strawberry.type(directives=[cost(0)])
class ConversationEdge:
    cursor: str
    node: Conversation


@strawberry.type
class ConversationConnection:
    edges: list[ConversationEdge]
    nodes: list[Conversation]
    page_info: PageInfo


@strawberry.input
class NewMessage:
    content: str


@strawberry.input
class AddMessages:
    conversation_id: strawberry.ID
    messages: list[NewMessage]


def conversations(first: int | None = None, last: int | None = None) -> ConversationConnection:
    found = [
        Conversation(id=strawberry.ID(str(number)), title="A talk", last_message=None)
        for number in range(3)
    ]
    return ConversationConnection(edges=[], nodes=found, page_info=PageInfo(has_next_page=False))


def nodes(ids: list[strawberry.ID]) -> list[Node | None]:
    return []


def search(
    query: str,
    deep: Annotated[bool, strawberry.argument(directives=[cost(10)])] = False,
    approximate: Annotated[bool, strawberry.argument(directives=[cost(-20)])] = False,
) -> list[Message]:
    return []


def add_messages(input: AddMessages) -> list[Message]:  # noqa: A002 - the name in the schema
    return []


@strawberry.type
class SendMessagesPayload:
    messages: list[Message]
    conversation: Conversation | None


def send_messages(input: AddMessages) -> SendMessagesPayload:  # noqa: A002 - the name in the schema
    return SendMessagesPayload(messages=[], conversation=None)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    def node(self, id: strawberry.ID) -> Node | None:  # noqa: A002 - the name in the schema
        return None

    nodes: list[Node | None] = strawberry.field(
        resolver=nodes, directives=[sized_by("ids", default=100)]
    )
    conversations: ConversationConnection = strawberry.field(
        resolver=conversations, directives=[connection_size(20)]
    )
    search: list[Message] = strawberry.field(resolver=search, directives=[cost(5)])


@strawberry.type
class Mutation:
    send_messages: SendMessagesPayload = strawberry.mutation(
        resolver=send_messages,
        directives=[sized_by("input.messages", default=250, fields=["messages"])],
    )
    add_messages: list[Message] = strawberry.mutation(
        resolver=add_messages, directives=[sized_by("input.messages", default=250)]
    )


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def message_added(self) -> AsyncIterator[Message]:
        talk = conversations().nodes[0]
        yield Message(
            id=talk.id,
            content="hello",
            role=Role.USER,
            conversation=talk,
            siblings=[],
            parts=[],
            tags=[],
        )


SCHEMA = strawberry.Schema(Query, Mutation, Subscription)
CORE = SCHEMA._schema


def analysed(text: str, limits: QueryLimits | None = None) -> Analysis:
    limits = limits or QueryLimits()
    return analyse(parse(text), cost_model(CORE, limits), limits)


def price(text: str, variables: dict[str, Any] | None = None) -> int:
    analysis = analysed(text)
    return analysis.cost(next(iter(analysis.operations)), variables)
