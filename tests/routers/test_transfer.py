"""Old chats in and all chats out over REST."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from backend.config import Settings
from backend.routers.uploads import IN_MEMORY
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.routers.support import Client, make_app, problem_of

PLAIN = json.dumps(
    [
        {"title": "Tea", "messages": [{"role": "user", "content": "Which tea?"}]},
        {"title": "Cake", "messages": [{"role": "user", "content": "Which cake?"}]},
    ]
).encode()
JSON = {"Content-Type": "application/json"}


def form(content: bytes, name: str = "chats.json") -> dict[str, Any]:
    return {"file": (name, content)}


async def titles(client: Client) -> set[str]:
    return {chat["title"] for chat in (await client.read("/api/chats"))["items"]}


async def test_a_file_in_a_form_is_imported(client: Client) -> None:
    response = await client.post("/api/import", files=form(PLAIN))
    assert response.json() == {
        "format": "plain",
        "formats": ["plain"],
        "imported": 2,
        "unchanged": 0,
        "failed": 0,
        "messages": 2,
        "failures": [],
    }
    assert await titles(client) == {"Tea", "Cake"}


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/octet-stream", "application/jsonl"]
)
async def test_a_file_as_the_body_is_imported(client: Client, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    response = await client.post("/api/import", content=PLAIN, headers=headers)
    assert response.json()["imported"] == 2
    assert await titles(client) == {"Tea", "Cake"}


async def test_an_archive_is_imported(client: Client) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("chats.json", PLAIN)
    headers = {"Content-Type": "application/zip"}
    response = await client.post("/api/import", content=archive.getvalue(), headers=headers)
    assert response.json()["imported"] == 2


async def test_importing_again_changes_nothing_and_says_so(client: Client) -> None:
    await client.post("/api/import", files=form(PLAIN))
    response = await client.post("/api/import", content=PLAIN, headers=JSON)
    report = response.json()
    assert (report["imported"], report["unchanged"], report["messages"]) == (0, 2, 0)
    assert len((await client.read("/api/chats"))["items"]) == 2


async def test_a_dry_run_reports_and_stores_nothing(client: Client) -> None:
    response = await client.post("/api/import?dry_run=true", content=PLAIN, headers=JSON)
    assert response.json()["imported"] == 2
    assert await titles(client) == set()


async def test_one_bad_chat_does_not_stop_the_others(client: Client) -> None:
    mixed = json.dumps([*json.loads(PLAIN), {"title": "Bad", "messages": [{"role": 7}]}])
    response = await client.post("/api/import", content=mixed, headers=JSON)
    report = response.json()
    assert (report["imported"], report["failed"]) == (2, 1)
    assert report["failures"][0]["index"] == 2
    assert report["failures"][0]["reason"]
    assert await titles(client) == {"Tea", "Cake"}


@pytest.mark.parametrize("content", [b"", b"nothing of a chat", b"{", b'{"a": 1}', b"PK\x03\x04"])
async def test_what_is_in_no_known_format_is_refused(client: Client, content: bytes) -> None:
    for sent in (
        await client.post("/api/import", content=content, headers=JSON),
        await client.post("/api/import", files=form(content)),
    ):
        problem_of(sent, 415, "UNSUPPORTED_FORMAT")
    assert await titles(client) == set()


async def test_a_format_that_is_none_is_refused(client: Client) -> None:
    response = await client.post("/api/import?format=word", content=PLAIN, headers=JSON)
    problem_of(response, 400, "INVALID", "format")


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_another_media_type_is_refused(client: Client, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    response = await client.post("/api/import", content=PLAIN, headers=headers)
    problem_of(response, 415, "UNSUPPORTED_FORMAT", "content-type")


@pytest.mark.parametrize(
    ("content", "boundary"),
    [
        (b"", "x"),
        (b"no parts", "x"),
        (b"--x\r\nbroken", "x"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n', "x"),
        (b"--x--\r\n", ""),
    ],
)
async def test_a_form_without_a_file_is_refused(
    client: Client, content: bytes, boundary: str
) -> None:
    media_type = "multipart/form-data" + (f"; boundary={boundary}" if boundary else "")
    headers = {"Content-Type": media_type}
    response = await client.post("/api/import", content=content, headers=headers)
    assert response.json()["code"] == "INVALID"
    assert response.status_code == 400


async def test_a_form_with_two_files_is_refused(client: Client) -> None:
    files = [("file", ("a.json", PLAIN)), ("file", ("b.json", PLAIN))]
    response = await client.post("/api/import", files=files)
    problem_of(response, 400, "INVALID")
    assert await titles(client) == set()


@pytest.fixture
async def small_client(
    settings: Settings, services: Services, viewer: Viewer
) -> AsyncIterator[Client]:
    """A server that takes uploads of at most 1 MiB."""
    app: FastAPI = make_app(settings.model_copy(update={"upload_megabytes": 1}), services)
    async with Client(app, viewer) as client:
        yield client


async def test_a_file_over_the_limit_is_refused(small_client: Client) -> None:
    large = PLAIN + b" " * IN_MEMORY
    for response in (
        await small_client.post("/api/import", content=large, headers=JSON),
        await small_client.post("/api/import", files=form(large)),
        await small_client.post("/api/import", content=_pieces(large), headers=JSON),
    ):
        problem_of(response, 413, "TOO_LARGE", "body")
    assert await titles(small_client) == set()


async def test_a_file_at_the_limit_is_taken(small_client: Client) -> None:
    full = PLAIN + b" " * (IN_MEMORY - len(PLAIN))
    response = await small_client.post("/api/import", content=_pieces(full), headers=JSON)
    assert response.json()["imported"] == 2


async def test_what_is_exported_is_the_same_when_it_is_imported_elsewhere(
    client: Client, other_client: Client
) -> None:
    chat = await client.chat(title="Tea", tags=["hot"], metadata={"a": 1}, pinned=True)
    question, _ = await client.messages(chat, 2)
    await client.message(chat, "another", "assistant", parent_id=question["id"])
    export = await client.get("/api/export")
    report = (await other_client.post("/api/import", files=form(export.content))).json()
    assert (report["format"], report["imported"], report["failed"]) == ("conversa", 1, 0)
    assert (await other_client.get("/api/export")).content == export.content
    copy = await other_client.read(f"/api/chats/{chat['id']}", messages=200)
    assert (copy["title"], copy["tags"], copy["pinned"]) == ("Tea", ["hot"], True)
    assert [each["content"] for each in copy["messages"]] == ["message 0", "another"]


@pytest.mark.parametrize(
    ("name", "media_type", "suffix"),
    [
        ("conversa", "application/jsonl", "jsonl"),
        ("markdown", "text/markdown; charset=utf-8", "md"),
        ("openai", "application/jsonl", "jsonl"),
        ("openwebui", "application/json", "json"),
    ],
)
async def test_every_form_is_sent_as_a_file_of_its_kind(
    client: Client, name: str, media_type: str, suffix: str
) -> None:
    chat = await client.chat(title="Tea")
    await client.messages(chat, 2)
    for address, called in (
        ("/api/export", "chats"),
        (f"/api/chats/{chat['id']}/export", chat["id"]),
    ):
        response = await client.get(address, params={"format": name})
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        disposition = response.headers["content-disposition"]
        assert disposition == f'attachment; filename="conversa-{called}.{suffix}"'
        assert "message 1" in response.text


async def test_one_chat_is_exported_without_the_others(client: Client) -> None:
    chat = await client.chat(title="Tea")
    await client.chat(title="Cake")
    text = (await client.get(f"/api/chats/{chat['id']}/export?format=markdown")).text
    assert "Tea" in text
    assert "Cake" not in text


async def test_nobody_exports_another_ones_chats(client: Client, other_client: Client) -> None:
    chat = await client.chat(title="Tea")
    assert "Tea" not in (await other_client.get("/api/export")).text
    response = await other_client.get(f"/api/chats/{chat['id']}/export")
    problem_of(response, 404, "NOT_FOUND")


async def test_an_export_form_that_is_none_is_refused(client: Client) -> None:
    problem_of(await client.get("/api/export?format=pdf"), 400, "INVALID", "format")


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """Content of a length that is not announced."""
    for start in range(0, len(content), 64 * 1024):
        yield content[start : start + 64 * 1024]
