"""Following a chat over REST, by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import Message as AsgiMessage

from backend.config import Settings
from backend.routers.documents import Chat, Message
from backend.routers.events import NAMES
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.live import change_cursor
from tests.routers.support import Client, Json, make_app, problem_of, seen_by
from tests.support.databases import settings_for
from tests.support.following import PATIENCE, eventually

DOCUMENTS: dict[str, type[BaseModel]] = {
    "message_added": Message,
    "message_updated": Message,
    "chat_updated": Chat,
}


class Event(NamedTuple):
    """One frame."""

    name: str
    cursor: str
    data: Json


class Stream:
    """The answer to one request, piece by piece."""

    def __init__(self) -> None:
        self.hung_up = asyncio.Event()
        self.takes_more = asyncio.Event()
        self._sent: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._text = ""

    async def receive(self) -> AsgiMessage:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: AsgiMessage) -> None:
        self._sent.put_nowait(message)
        if message["type"] == "http.response.body":
            await self.takes_more.wait()

    async def start(self) -> AsgiMessage:
        return await asyncio.wait_for(self._sent.get(), PATIENCE)

    async def events(self, count: int) -> list[Event]:
        """The next so many events."""
        return [await self._next() for _ in range(count)]

    async def silence(self, beats: int) -> None:
        """Waits for so many signs of life after the first; fails where something else comes."""
        assert [await self._piece() for _ in range(1 + beats)] == [":"] * (1 + beats)

    async def ended(self) -> bool:
        """Waits for the end; whether nothing else was sent before it."""
        return await self._frame() is None

    async def _next(self) -> Event:
        frame = await self._frame()
        assert frame is not None, "the stream has ended"
        fields = dict(line.split(": ", 1) for line in frame.splitlines())
        data = orjson.loads(fields["data"])
        if model := DOCUMENTS.get(fields["event"]):
            model.model_validate_json(fields["data"])
        return Event(fields["event"], fields["id"], data)

    async def _frame(self) -> str | None:
        async with asyncio.timeout(PATIENCE):
            while (piece := await self._piece()) == ":":
                pass
        return piece

    async def _piece(self) -> str | None:
        """The next event or sign of life; None at the end."""
        while "\n\n" not in self._text:
            message = await asyncio.wait_for(self._sent.get(), PATIENCE)
            self._text += message["body"].decode()
            if not message["more_body"] and not self._text:
                return None
        piece, self._text = self._text.split("\n\n", 1)
        return piece


@asynccontextmanager
async def following(
    app: FastAPI,
    viewer: Viewer,
    chat: Json,
    *,
    after: str = "",
    last: str = "",
    takes_more: bool = True,
) -> AsyncGenerator[Stream]:
    stream = Stream()
    if takes_more:
        stream.takes_more.set()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/chats/{chat['id']}/events",
        "query_string": f"after={after}".encode() if after else b"",
        "headers": [(b"last-event-id", last.encode())] if last else [],
        "app": app,
    }
    task = asyncio.ensure_future(seen_by(viewer, app)(scope, stream.receive, stream.send))
    try:
        start = await stream.start()
        assert start["status"] == 200
        assert dict(start["headers"])[b"content-type"].startswith(b"text/event-stream")
        yield stream
    finally:
        stream.takes_more.set()
        stream.hung_up.set()
        await asyncio.wait_for(task, PATIENCE)


def beginning(chat: Json) -> str:
    return change_cursor(chat["id"], chat["revision"])


async def test_everything_that_happens_is_told_in_order(
    app: FastAPI, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea", tags=["a"])
    place = f"/api/chats/{chat['id']}"
    async with following(app, viewer, chat, after=beginning(chat)) as stream:
        message = await client.message(chat, "Which tea?")
        [added] = await stream.events(1)
        assert (added.name, added.data) == ("message_added", message)
        await client.patch(f"{place}/messages/{message['id']}", json={"content": "Which?"})
        [updated] = await stream.events(1)
        assert (updated.name, updated.data["content"]) == ("message_updated", "Which?")
        await client.patch(place, json={"title": "Coffee"})
        [changed] = await stream.events(1)
        assert (changed.name, changed.data["title"]) == ("chat_updated", "Coffee")
        assert changed.data == await client.read(place)
        await client.delete(f"{place}/messages/{message['id']}")
        names = [(await stream.events(1))[0] for _ in range(2)]
        [gone] = [each for each in names if each.name == "message_deleted"]
        assert gone.data == {"message_id": message["id"]}
        await client.delete(place)
        [last] = await stream.events(1)
        assert (last.name, last.data) == ("chat_deleted", {"chat_id": chat["id"]})
        assert await stream.ended()


async def test_a_message_that_is_written_is_told_piece_by_piece(
    app: FastAPI, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea")
    place = f"/api/chats/{chat['id']}/messages"
    async with following(app, viewer, chat, after=beginning(chat)) as stream:
        begun = (await client.post(f"{place}/start", json={})).json()
        # Who comes later is told a piece less and a text more, so each is heard before the next.
        told = await stream.events(1)
        for offset, text in ((0, "Lemon "), (6, "tea")):
            body = {"offset": offset, "text": text}
            await client.post(f"{place}/{begun['id']}/append", json=body)
            told += await stream.events(1)
        await client.post(f"{place}/{begun['id']}/finish", json={})
        told += await stream.events(1)
    assert [each.name for each in told] == [
        "message_added", "message_delta", "message_delta", "message_updated"
    ]  # fmt: skip
    assert told[0].data["content"] == ""
    assert [each.data for each in told[1:3]] == [
        {"message_id": begun["id"], "offset": 0, "text": "Lemon "},
        {"message_id": begun["id"], "offset": 6, "text": "tea"},
    ]
    assert told[3].data["content"] == "Lemon tea"


async def test_what_happens_once_the_headers_are_there_is_told(
    app: FastAPI, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea")
    await client.message(chat, "before")
    async with following(app, viewer, chat, takes_more=False) as stream:
        await client.message(chat, "one")
        stream.takes_more.set()
        [one] = await stream.events(1)
    assert one.data["content"] == "one"


@pytest.mark.parametrize("way", ["after", "last"])
async def test_a_cut_stream_is_resumed_by_its_cursor(
    app: FastAPI, client: Client, viewer: Viewer, way: str
) -> None:
    chat = await client.chat(title="Tea")
    async with following(app, viewer, chat, after=beginning(chat)) as stream:
        await client.message(chat, "one")
        [one] = await stream.events(1)
    await client.message(chat, "two")
    # What connects again by itself repeats its first address: the header is newer.
    places: dict[str, Any] = {"after": beginning(chat) if way == "last" else one.cursor}
    if way == "last":
        places["last"] = one.cursor
    async with following(app, viewer, chat, **places) as stream:
        await client.message(chat, "three")
        told = await stream.events(2)
    assert [each.data["content"] for each in told] == ["two", "three"]


async def test_a_cursor_is_the_same_as_graphqls(
    app: FastAPI, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea")
    async with following(app, viewer, chat, after=beginning(chat)) as stream:
        message = await client.message(chat, "one")
        [one] = await stream.events(1)
    assert one.cursor == change_cursor(chat["id"], message["revision"])


async def test_a_cursor_that_cannot_be_honoured_resets_the_stream(
    app: FastAPI, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea")
    async with following(app, viewer, chat, after=change_cursor(chat["id"], 999)) as stream:
        [reset] = await stream.events(1)
    assert (reset.name, reset.cursor) == ("reset", beginning(chat))
    assert reset.data["reason"]


async def test_a_silent_stream_shows_that_it_lives(
    settings: Settings, services: Services, client: Client, viewer: Viewer
) -> None:
    quick = settings_for(settings.database_url, keep_alive=0.01)
    chat = await client.chat(title="Tea")
    async with following(make_app(quick, services), viewer, chat, after=beginning(chat)) as stream:
        await stream.silence(2)
        await client.message(chat, "one")
        await stream.events(1)


async def test_a_stream_ends_with_its_time(
    settings: Settings, services: Services, client: Client, viewer: Viewer
) -> None:
    short = settings_for(settings.database_url, stream_seconds=0.05)
    chat = await client.chat(title="Tea")
    async with following(make_app(short, services), viewer, chat) as stream:
        assert await stream.ended()
    await eventually(lambda: services.live.followers == 0)


async def test_one_who_hangs_up_is_followed_no_more(
    app: FastAPI, services: Services, client: Client, viewer: Viewer
) -> None:
    chat = await client.chat(title="Tea")
    async with following(app, viewer, chat):
        await eventually(lambda: services.live.followers == 1)
    assert services.live.followers == 0


async def test_of_a_deleted_chat_nothing_follows(client: Client) -> None:
    chat = await client.chat(title="Tea")
    address = f"/api/chats/{chat['id']}"
    await client.delete(address)
    gone = change_cursor(chat["id"], chat["revision"] + 1)
    again = await client.get(f"{address}/events", headers={"last-event-id": gone})
    assert (again.status_code, again.content) == (204, b"")
    problem_of(await client.get(f"{address}/events"), 404, "NOT_FOUND")
    missed = await client.get(f"{address}/events", params={"after": beginning(chat)})
    assert missed.text.count("event: chat_deleted\n") == 1


async def test_what_is_not_his_is_not_found(client: Client, other_client: Client) -> None:
    chat = await client.chat(title="Tea")
    for query in ({}, {"after": beginning(chat)}):
        answer = await other_client.get(f"/api/chats/{chat['id']}/events", params=query)
        problem_of(answer, 404, "NOT_FOUND")
    problem_of(await client.get("/api/chats/no-id/events"), 404, "NOT_FOUND")


@pytest.mark.parametrize("cursor", ["x", "MQ", "é", "a\x00b"])
async def test_what_is_no_cursor_is_refused(client: Client, cursor: str) -> None:
    chat = await client.chat(title="Tea")
    answer = await client.get(f"/api/chats/{chat['id']}/events", params={"after": cursor})
    problem_of(answer, 400, "INVALID", "after")


def test_every_kind_of_change_has_a_name() -> None:
    assert len(set(NAMES.values())) == len(NAMES) == 7
