"""One world in which Ana has chats, and one in which she never was; Bruno asks the same in both."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from graphql import GraphQLSchema

from backend.config import Settings
from backend.errors import Invalid
from backend.graphql.schema import schema
from backend.repositories.pages import raw_cursor
from tests.isolation.selections import Question
from tests.support.apps import Json, client_of, key_of, running_app, with_keys

CORE: GraphQLSchema = schema._schema


def an_id(number: int) -> str:
    """A UUIDv7 that a client could have chosen."""
    return f"01939b3c-7a52-7c4e-8d3b-{number:012x}"


# Ana's: two conversations, one of them with branches, and what she deleted.
TREE, PLAIN, GONE = an_id(0xA1), an_id(0xA2), an_id(0xA3)
FIRST, ANSWER, OTHER, OPEN, LOST, SINGLE = (an_id(0xA10 + number) for number in range(6))
CONVERSATIONS = (TREE, PLAIN, GONE)
MESSAGES = (FIRST, ANSWER, OTHER, OPEN, LOST, SINGLE)
SECRET = "samovar"
"""A word in every text of Ana's and in none of Bruno's."""

# Bruno's own.
OWN, OWN_FIRST, OWN_ANSWER = an_id(0xB1), an_id(0xB10), an_id(0xB11)

CURSORS = {
    "conversation": "{ conversations(first: 1) { pageInfo { endCursor } } }",
    "message": f'{{ conversation(id: "{TREE}") {{ messages(first: 1) {{ '
    "pageInfo { endCursor } } } }",
    "event": f'{{ conversation(id: "{TREE}") {{ changes(first: 1) {{ '
    "pageInfo { endCursor } } } }",
    "hit": f'{{ search(query: "{SECRET}", first: 1) {{ pageInfo {{ endCursor }} }} }}',
}
"""Where Ana finds cursors, by what they are of."""

KNOWN = frozenset((*CONVERSATIONS, *MESSAGES, OWN, OWN_FIRST, OWN_ANSWER))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)|\d{4}-\d\d-\d\d \d\d:\d\d UTC"
)
CURSOR = re.compile(r"[A-Za-z0-9_-]{8,}")
HEADERS = ("content-type", "etag", "location", "link", "allow", "content-disposition")


class World:
    """A server and the two who use it. ``seen`` is what Bruno was answered, in order."""

    def __init__(self, app: FastAPI, ana: httpx.AsyncClient, bruno: httpx.AsyncClient) -> None:
        self.is_full = False
        self.cursors: dict[str, str] = {}
        self.app = app
        self.ana = ana
        self.bruno = bruno
        self.asked: set[tuple[str, str]] = set()
        self.seen: list[tuple[str, str]] = []

    @property
    def secrets(self) -> set[str]:
        """What names something of Ana's."""
        return {*CONVERSATIONS, *MESSAGES, *self.cursors.values()}

    async def ask(self, question: Question) -> None:
        """Asks what Bruno asks."""
        sent = {"query": question.text, "variables": question.variables}
        answer = await self.bruno.post("/graphql", json=sent)
        self.see(str(question.variables), f"{answer.status_code} {answer.text}")

    async def rest(self, operation: str, method: str, path: str, **sent: Any) -> httpx.Response:
        """What Bruno is answered by REST."""
        self._note(operation, path, sent)
        answer = await self.bruno.request(method, path, **sent)
        told = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        label = f"{operation}: {method} {path} {sent}"
        self.see(label, f"{answer.status_code} {json.dumps(told)} {answer.text}")
        return answer

    def see(self, label: str, answer: str) -> None:
        """Notes an answer, without what differs each time it is given."""
        self.seen.append((label, normal(answer)))

    def _note(self, operation: str, path: str, sent: dict[str, Any]) -> None:
        self.asked.add((operation, ""))
        values = {**sent.get("params", {}), **sent.get("headers", {}), "path": path}
        values |= dict(_leaves(sent.get("json")))
        if "content" in sent:
            values["content"] = sent["content"]
        for name, value in values.items():
            if any(secret in str(value) for secret in self.secrets):
                self.asked.add((operation, name.lower()))


@asynccontextmanager
async def world(settings: Settings) -> AsyncGenerator[World]:
    """A running server of its own."""
    free = with_keys(settings, rate_owner_points=0, rate_address_points=0)
    async with running_app(free) as app:
        store = app.state.services.store
        ana, bruno = await key_of(store, "ana"), await key_of(store, "bruno")
        async with client_of(app, ana) as hers, client_of(app, bruno) as his:
            yield World(app, hers, his)


def normal(text: str) -> str:
    """A text without times and without ids that nobody chose, in cursors too."""
    return TIME.sub("<time>", UUID.sub(_known, CURSOR.sub(_opened, text)))


def _known(found: re.Match[str]) -> str:
    return found[0] if found[0] in KNOWN else "<id>"


def _opened(found: re.Match[str]) -> str:
    try:
        raw = raw_cursor(found[0]).decode()
    except (Invalid, UnicodeDecodeError):
        return found[0]
    return f"<cursor {raw}>" if raw[2:].startswith("[") else found[0]


def _leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in _leaves(each, key)]
    if isinstance(value, list):
        return [pair for each in value for pair in _leaves(each, name)]
    return [(name, str(value))]


async def settle_ana(client: httpx.AsyncClient) -> dict[str, str]:
    """Gives Ana all that somebody can have, and returns cursors of hers by what they are of."""
    await _write(client, "POST", "/api/chats", json=_tree())
    for method, path, body in _tree_changes():
        await _write(client, method, f"/api/chats/{TREE}{path}", **({"json": body} if body else {}))
    await _write(client, "POST", "/api/chats", json=_plain(PLAIN, SINGLE))
    await _write(client, "POST", "/api/chats", json={"id": GONE, "title": SECRET})
    await _write(client, "DELETE", f"/api/chats/{GONE}")
    return await _cursors(client)


def _tree() -> Json:
    return {
        "id": TREE,
        "title": f"{SECRET} tree",
        "tags": [SECRET],
        "metadata": {SECRET: 1},
        "messages": [
            {"id": FIRST, "role": "user", "content": f"a {SECRET}?"},
            {"id": ANSWER, "role": "assistant", "content": f"the {SECRET}!"},
        ],
    }


def _tree_changes() -> list[tuple[str, str, Json | None]]:
    messages = "/messages"
    return [
        (
            "POST",
            messages,
            {"id": OTHER, "parent_id": FIRST, "role": "assistant", "content": f"no {SECRET}"},
        ),
        ("PATCH", f"{messages}/{OTHER}", {"content": f"another {SECRET}"}),
        ("PUT", f"{messages}/{OTHER}/feedback", {"rating": 1, "comment": SECRET, "tags": [SECRET]}),
        ("POST", messages, {"id": LOST, "role": "user", "content": SECRET}),
        ("DELETE", f"{messages}/{LOST}", None),
        ("POST", f"{messages}/start", {"id": OPEN, "role": "assistant"}),
        ("POST", f"{messages}/{OPEN}/append", {"offset": 0, "text": f"a {SECRET} so far"}),
    ]


def _plain(conversation: str, message: str) -> Json:
    said = {"id": message, "role": "user", "content": f"plain {SECRET}"}
    return {"id": conversation, "title": f"{SECRET} plain", "messages": [said]}


async def _cursors(client: httpx.AsyncClient) -> dict[str, str]:
    found = {}
    for name, query in CURSORS.items():
        answer = (await client.post("/graphql", json={"query": query})).json()
        found[name] = re.findall(r'"endCursor":"([^"]+)"', json.dumps(answer).replace(" ", ""))[0]
    found["owner"] = base64.urlsafe_b64encode(b"1o[1]").decode().rstrip("=")
    return found


async def _write(client: httpx.AsyncClient, method: str, path: str, **sent: Any) -> None:
    answer = await client.request(method, path, **sent)
    assert answer.is_success, answer.text


async def all_of(client: httpx.AsyncClient) -> str:
    """All that somebody has, in a form that can be compared."""
    pieces: Sequence[httpx.Response] = [
        await client.get("/api/export"),
        await client.get("/api/chats", params={"messages": 200, "archived": "any"}),
        await client.get("/api/search", params={"query": SECRET}),
    ]
    return "\n".join(piece.text for piece in pieces)
