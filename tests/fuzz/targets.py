"""What is fed to the server, made from bytes that an engine chooses."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote

import orjson

from tests.fuzz.world import CHAT, MESSAGE, World

JSON = "application/json"
QUERY = """query Q($id: ID!, $at: Cursor) {
  node(id: $id) { __typename }
  conversations(after: $at) { nodes { id } } }"""
IDS = """query I($id: ID!) {
  node(id: $id) { id } nodes(ids: [$id]) { id } conversation(id: $id) { id } message(id: $id) { id }
  search(query: "a", filter: { conversationIds: [$id] }) { nodes { score } } }"""
CURSORS = """query C($id: ID!, $at: Cursor!) {
  a: conversations(after: $at) { nodes { id } }
  b: conversations(before: $at) { nodes { id } }
  t: conversations(after: $at, orderBy: { field: TITLE }) { nodes { id } }
  search(query: "a", after: $at) { nodes { score } }
  conversation(id: $id) {
    messages(after: $at) { nodes { id } }
    back: messages(before: $at) { nodes { id } }
    changes(after: $at) { nodes { __typename } } } }"""
AROUND = """query A($id: ID!, $chat: ID!) {
  conversation(id: $chat) { messages(around: $id) { nodes { id } } } }"""
WRITE = """mutation M($id: ID!) {
  updateMessage(input: { id: $id, content: "x" }) { userErrors { code } }
  setFeedback(input: { messageId: $id, rating: 1 }) { userErrors { code } } }"""

BODIES = (
    ("POST", "/graphql", JSON),
    ("POST", "/graphql", "application/json; charset=utf-16"),
    ("POST", "/graphql", "application/graphql-response+json"),
    ("POST", "/graphql", "application/x-www-form-urlencoded"),
    ("POST", "/api/chats", JSON),
    ("PATCH", f"/api/chats/{CHAT}", JSON),
    ("POST", f"/api/chats/{CHAT}/messages", JSON),
    ("PUT", f"/api/chats/{CHAT}/messages/{MESSAGE}/feedback", JSON),
    ("PATCH", f"/api/chats/{CHAT}/messages/{MESSAGE}", JSON),
)
"""Where a body goes, and what it says it is; the first byte chooses."""

ADDRESSES = (
    "/api/chats?after={}",
    "/api/chats?before={}&order_by=title",
    "/api/search?query=a&after={}",
    "/api/search?query={}",
    "/graphql?query={}",
    "/graphql?query=%7B__typename%7D&variables={}",
    "/api/chats/{}",
    "/api/chats?tags={}&title_contains={}",
    f"/api/chats/{CHAT}/messages?after={{}}",
    f"/api/chats/{CHAT}/messages?around={{}}",
    f"/api/chats/{CHAT}/messages/{{}}",
    f"/api/chats/{CHAT}/messages?first={{}}",
)


class Target(NamedTuple):
    """A way in: what takes the bytes, and bytes that are as they should be."""

    feed: Callable[[World, bytes], Awaitable[None]]
    seeds: tuple[bytes, ...]


async def feed_body(world: World, data: bytes) -> None:
    """A body, of GraphQL or of REST."""
    method, path, kind = BODIES[data[0] % len(BODIES)] if data else BODIES[0]
    headers = {"Content-Type": kind, "Apollo-Require-Preflight": "1"}
    await world.ask(method, path, content=data[1:], headers=headers)


async def feed_frames(world: World, data: bytes) -> None:
    """Frames on a socket, a line each; one that is no text is binary."""
    await world.say(['{"type":"connection_init"}', *map(_frame, data.split(b"\n"))])


def _frame(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


async def feed_places(world: World, data: bytes) -> None:
    """A text as an id, as a cursor, as the inside of a cursor, and in addresses."""
    text = data.decode("utf-8", "replace")
    inside = base64.urlsafe_b64encode(data).decode().rstrip("=")
    for query in (IDS, AROUND, WRITE):
        await _ask(world, query, {"id": text, "chat": CHAT})
    for cursor in (text, inside):
        await _ask(world, CURSORS, {"at": cursor, "id": CHAT})
    for address in ADDRESSES:
        await world.ask("GET", address.replace("{}", quote(inside if "after" in address else text)))
    await world.ask("GET", f"/api/chats/{CHAT}", headers={"If-None-Match": data.hex()})


async def _ask(world: World, query: str, variables: dict[str, str]) -> None:
    await world.ask("POST", "/graphql", json={"query": query, "variables": variables})


async def feed_import(world: World, data: bytes) -> None:
    """A file with chats, first only looked at, then taken in; sent as it is and as a form's."""
    headers = {"Content-Type": JSON}
    params = {"dry_run": "true"}
    await world.ask("POST", "/api/import", content=data, headers=headers, params=params)
    await world.ask("POST", "/api/import", files={"file": ("chats.json", data)})


def _request(query: str, **variables: object) -> bytes:
    return orjson.dumps({"query": query, "variables": variables, "extensions": {"cost": True}})


def _subscribe(query: str, **variables: object) -> bytes:
    payload = {"query": query, "variables": variables}
    return orjson.dumps({"id": "1", "type": "subscribe", "payload": payload})


_SAID = {"role": "user", "content": "Hi", "parts": None, "metadata": {"a": 1}}
_TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
_NODE = {
    "id": "b",
    "parent": None,
    "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}},
}
_FILES = (
    {"title": "A", "messages": _TURNS},
    [{"title": "A", "mapping": {"b": _NODE}, "current_node": "b", "create_time": 1.5}],
    [{"uuid": "a", "name": "A", "chat_messages": [{"sender": "human", "text": "Hi"}]}],
    [{"chat": {"history": {"currentId": "a", "messages": {"a": {"id": "a", **_TURNS[0]}}}}}],
    {"conversationId": "a", "messages": [{"messageId": "a", "isCreatedByUser": True, "text": "H"}]},
    [{"format": "conversa", "external_id": CHAT, "title": "A", "messages": []}],
    [{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Ho"}}],
)

TARGETS = {
    "bodies": Target(
        feed_body,
        (
            b"\0" + _request(QUERY, id=CHAT),
            b"\0" + orjson.dumps({"extensions": {"persistedQuery": {"version": 1}}}),
            b"\0" + orjson.dumps({"query": "{ a: __typename @skip(if: true) ...F } fragment F on"}),
            b"\3query=%7B__typename%7D",
            b"\4" + orjson.dumps({"title": "A", "tags": ["a"], "messages": [_SAID]}),
            b"\5" + orjson.dumps({"title": "A", "expected_revision": 1, "pinned": True}),
            b"\6" + orjson.dumps(_SAID),
            b"\7" + orjson.dumps({"rating": 1, "comment": "a", "tags": ["a"]}),
        ),
    ),
    "frames": Target(
        feed_frames,
        (
            _subscribe(QUERY, id=CHAT) + b'\n{"type":"ping"}\n{"id":"1","type":"complete"}',
            _subscribe("subscription { conversationChanged { cursor } }") + b'\n{"type":"pong"}',
            b"[]\n42\nnull\n\xff\xfe\n" + _subscribe("{ viewer { name } }"),
            _subscribe(f'subscription {{ messageAdded(conversationId: "{CHAT}") {{ cursor }} }}'),
        ),
    ),
    "places": Target(
        feed_places,
        (
            CHAT.encode(),
            MESSAGE.upper().encode(),
            b'1A["2026-01-01T00:00:00Z","' + CHAT.encode() + b'"]',
            b'1T["a chat","' + CHAT.encode() + b'"]',
            b"1m[1]",
            b'1e["' + CHAT.encode() + b'",1]',
            b'1s[1,"' + MESSAGE.encode() + b'","0ac3b54980c1",3,6,13]',
        ),
    ),
    "imports": Target(feed_import, tuple(map(orjson.dumps, _FILES))),
}
