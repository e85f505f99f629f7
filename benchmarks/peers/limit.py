"""The hand-written limit: bare ASGI, prepared statements, orjson, and no GraphQL.

Started by ``benchmarks.peers.run``: it answers the three requests, told apart by the operation's
name in the body, with the same JSON. Nothing else can be asked of it.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvicorn
import uvloop

LISTED = """SELECT id, title, last_message_at, message_count, last_activity_at FROM conversations
  WHERE owner_id = 1 AND archived = 0 ORDER BY last_activity_at DESC, id DESC LIMIT 21"""
ONE = "SELECT id, title FROM conversations WHERE owner_id = 1 AND id = ?"
LAST = """SELECT id, role, content, created_at, added_revision FROM messages WHERE owner_id = 1
  AND conversation_id = ? AND active = 1 ORDER BY position DESC LIMIT ?"""
HEADERS = [(b"content-type", b"application/json")]


class Application:
    """Answers from one connection."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        asked = orjson.loads((await receive())["body"])
        query, given = asked["query"], asked.get("variables") or {}
        if query.startswith("query Inbox"):
            data = self.conversations(inbox=True)
        elif query.startswith("query List"):
            data = self.conversations(inbox=False)
        else:
            data = self.thread(given["id"])
        body = orjson.dumps({"data": data})
        head = [*HEADERS, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def conversations(self, *, inbox: bool) -> dict[str, Any]:
        """The list, with the last messages of each or without."""
        rows = self._database.execute(LISTED).fetchall()
        edges = []
        for key, title, last, count, active in rows[:20]:
            node = {"id": key, "title": title, "lastMessageAt": last}
            if inbox:
                node["messages"] = self.messages(key, 20)
            else:
                node["messageCount"] = count
            edges.append({"cursor": _cursor(f"{active}|{key}"), "node": node})
        info = {"hasNextPage": len(rows) > 20, "endCursor": edges[-1]["cursor"]}
        return {"conversations": {"edges": edges, "pageInfo": info}}

    def thread(self, key: str) -> dict[str, Any]:
        """A conversation with its last fifty messages."""
        row = self._database.execute(ONE, (key,)).fetchone()
        node = {"id": row[0], "title": row[1], "messages": self.messages(key, 50)}
        return {"conversation": node}

    def messages(self, key: str, count: int) -> dict[str, Any]:
        """The last messages of a conversation."""
        rows = self._database.execute(LAST, (key, count + 1)).fetchall()
        more = len(rows) > count
        edges = [
            {
                "cursor": _cursor(str(revision)),
                "node": {"id": id_, "role": role, "content": content, "createdAt": made},
            }
            for id_, role, content, made, revision in reversed(rows[:count])
        ]
        info = {"hasPreviousPage": more, "startCursor": edges[0]["cursor"]}
        return {"edges": edges, "pageInfo": info}


def _cursor(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


def serve(application: Any) -> None:
    """Serves on a free port, which is printed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(application, log_level="warning", access_log=False)
        uvloop.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    serve(Application(sys.argv[1]))
