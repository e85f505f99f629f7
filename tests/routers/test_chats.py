"""Chats over REST."""

from __future__ import annotations

from typing import Any

import pytest

from backend.ids import new_id
from tests.routers.support import Client, Json, problem_of
from tests.support.statements import Statements


async def titles(client: Client, **query: Any) -> list[str]:
    return [chat["title"] for chat in (await client.read("/api/chats", **query))["items"]]


@pytest.fixture
async def three(client: Client) -> list[Json]:
    """Three chats, the last one made the last one active."""
    return [
        await client.chat(title="Lemon cake", tags=["food"], pinned=True),
        await client.chat(title="Açaí", tags=["food", "fruit"]),
        await client.chat(title="Tea", messages=[{"role": "user", "content": "Which tea?"}]),
    ]


async def test_a_new_chat_is_there_and_says_where(client: Client) -> None:
    response = await client.post(
        "/api/chats",
        json={
            "title": "Tea",
            "metadata": {"shop": 7},
            "tags": ["hot", "green"],
            "pinned": True,
            "messages": [{"role": "user", "content": "Which tea?"}],
        },
    )
    assert response.status_code == 201
    chat = response.json()
    assert (chat["title"], chat["metadata"], chat["tags"]) == ("Tea", {"shop": 7}, ["hot", "green"])
    assert (chat["pinned"], chat["archived"], chat["message_count"]) == (True, False, 1)
    assert response.headers["location"] == f"/api/chats/{chat['id']}"
    assert response.headers["etag"] == f'"{chat["revision"]}"'
    assert await client.read(response.headers["location"]) == chat


async def test_a_chat_without_a_title_takes_one_from_its_first_question(client: Client) -> None:
    chat = await client.chat(messages=[{"role": "user", "content": "Which tea goes with cake?"}])
    assert chat["title"] == "Which tea goes with cake?"


async def test_making_the_same_chat_twice_makes_one(client: Client) -> None:
    body = {"id": new_id(), "title": "Tea"}
    first = await client.post("/api/chats", json=body)
    second = await client.post("/api/chats", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(await titles(client)) == 1


async def test_another_chat_under_the_same_id_is_a_conflict(client: Client) -> None:
    chat = await client.chat(title="Tea")
    response = await client.post("/api/chats", json={"id": chat["id"], "title": "Cake"})
    problem = problem_of(response, 409, "CONFLICT", "id")
    assert problem["current_revision"] == chat["revision"]
    assert await titles(client) == ["Tea"]


async def test_a_body_that_fails_makes_nothing(client: Client) -> None:
    messages = [{"role": "user", "content": "fine"}, {"role": "user"}]
    response = await client.post("/api/chats", json={"title": "Tea", "messages": messages})
    problem_of(response, 400, "INVALID", "messages", "1", "content")
    assert await titles(client) == []


async def test_lists_come_newest_first(client: Client, three: list[Json]) -> None:
    assert await titles(client) == ["Tea", "Açaí", "Lemon cake"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"order_by": "title", "direction": "asc"}, ["Açaí", "Lemon cake", "Tea"]),
        ({"order_by": "title"}, ["Tea", "Lemon cake", "Açaí"]),
        ({"order_by": "created_at", "direction": "asc"}, ["Lemon cake", "Açaí", "Tea"]),
        ({"pinned": "true"}, ["Lemon cake"]),
        ({"pinned": "false"}, ["Tea", "Açaí"]),
        ({"tags": "food"}, ["Açaí", "Lemon cake"]),
        ({"tags": ["food", "fruit"]}, ["Açaí"]),
        ({"title_contains": "acai"}, ["Açaí"]),
        ({"title_contains": "%"}, []),
        ({"title_contains": "\0"}, ["Tea", "Açaí", "Lemon cake"]),
        ({"created_after": "2000-01-01T00:00:00Z"}, ["Tea", "Açaí", "Lemon cake"]),
        ({"created_before": "2000-01-01T00:00:00+02:00"}, []),
        ({"active_after": "9999-12-31T23:59:59Z"}, []),
        ({"active_before": "9999-12-31T23:59:59Z"}, ["Tea", "Açaí", "Lemon cake"]),
        ({"first": "1"}, ["Tea"]),
        ({"last": "1"}, ["Lemon cake"]),
        ({"first": "0"}, []),
    ],
)
async def test_lists_are_filtered_and_ordered(
    client: Client, three: list[Json], query: Json, expected: list[str]
) -> None:
    assert await titles(client, **query) == expected


async def test_archived_chats_are_left_out_unless_asked_for(
    client: Client, three: list[Json]
) -> None:
    await client.patch(f"/api/chats/{three[0]['id']}", json={"archived": True})
    assert await titles(client) == ["Tea", "Açaí"]
    assert await titles(client, archived="true") == ["Lemon cake"]
    assert await titles(client, archived="any") == ["Tea", "Açaí", "Lemon cake"]


async def test_links_walk_through_the_list_and_back(client: Client) -> None:
    for number in range(7):
        await client.chat(title=f"chat {number}", tags=["ação"])
    address = "/api/chats?first=3&tags=a%C3%A7%C3%A3o&order_by=title&direction=asc"
    seen, pages, last = [], 0, ""
    while address:
        response = await client.get(address)
        seen += [chat["title"] for chat in response.json()["items"]]
        last, pages = address, pages + 1
        address = response.links.get("next", {}).get("url", "")
    assert (pages, seen) == (3, [f"chat {number}" for number in range(7)])
    previous = (await client.get(last)).links["prev"]["url"]
    page = await client.get(previous)
    assert [chat["title"] for chat in page.json()["items"]] == ["chat 3", "chat 4", "chat 5"]
    assert page.links["next"]["url"].startswith("/api/chats?")


async def test_a_page_says_what_lies_beside_it(client: Client, three: list[Json]) -> None:
    page = await client.read("/api/chats", first=2)
    info = page["page_info"]
    assert (info["has_next_page"], info["has_previous_page"]) == (True, False)
    rest = await client.read("/api/chats", after=info["end_cursor"])
    assert [chat["title"] for chat in rest["items"]] == ["Lemon cake"]
    assert page["total_count"] is None


async def test_the_total_is_counted_when_it_is_asked_for(client: Client, three: list[Json]) -> None:
    page = await client.read("/api/chats", first=1, tags="food", total_count="true")
    assert page["total_count"] == 2


async def test_a_list_takes_as_many_statements_for_many_chats_as_for_one(
    client: Client, statements: Statements
) -> None:
    counts = []
    for _ in range(3):
        for number in range(5):
            message = {"role": "user", "content": f"message {number}"}
            await client.chat(tags=["tag"], messages=[message, message])
        statements.clear()
        await client.read("/api/chats", messages=20)
        counts.append(statements.count)
    assert counts == [3, 3, 3]


async def test_chats_can_bring_their_last_messages(client: Client) -> None:
    chat = await client.chat(title="Tea")
    empty = await client.chat(title="Nothing said")
    await client.messages(chat, 5)
    page = await client.read("/api/chats", messages=2)
    nested = {each["id"]: [m["content"] for m in each["messages"]] for each in page["items"]}
    assert nested == {chat["id"]: ["message 3", "message 4"], empty["id"]: []}
    one = await client.read(f"/api/chats/{chat['id']}", messages=200)
    assert [m["content"] for m in one["messages"]] == [f"message {n}" for n in range(5)]
    assert "messages" not in await client.read(f"/api/chats/{chat['id']}")


async def test_a_change_is_stored_and_leaves_the_rest(client: Client) -> None:
    chat = await client.chat(title="Tea", tags=["hot"], metadata={"a": 1})
    response = await client.patch(
        f"/api/chats/{chat['id']}", json={"title": "Green tea", "archived": True, "metadata": None}
    )
    changed = response.json()
    assert changed == await client.read(f"/api/chats/{chat['id']}")
    assert (changed["title"], changed["archived"]) == ("Green tea", True)
    assert (changed["tags"], changed["metadata"]) == (["hot"], {"a": 1})
    assert changed["revision"] == chat["revision"] + 1


async def test_a_change_to_what_is_there_changes_nothing(client: Client) -> None:
    chat = await client.chat(title="Tea", tags=["hot"])
    response = await client.patch(
        f"/api/chats/{chat['id']}", json={"title": "Tea", "tags": ["hot"]}
    )
    assert response.json() == chat


async def test_an_expected_revision_that_is_not_the_stored_one_is_a_conflict(
    client: Client,
) -> None:
    chat = await client.chat(title="Tea")
    address = f"/api/chats/{chat['id']}"
    response = await client.patch(address, json={"title": "Cake", "expected_revision": 99})
    problem = problem_of(response, 409, "CONFLICT", "expected_revision")
    assert problem["current_revision"] == chat["revision"]
    assert await client.read(address) == chat


async def test_a_chat_can_be_deleted(client: Client) -> None:
    chat = await client.chat(title="Tea", messages=[{"role": "user", "content": "hello"}])
    response = await client.delete(f"/api/chats/{chat['id']}")
    assert (response.status_code, response.content) == (204, b"")
    for again in (client.get, client.delete):
        problem_of(await again(f"/api/chats/{chat['id']}"), 404, "NOT_FOUND")


async def test_nobody_sees_another_ones_chats(client: Client, other_client: Client) -> None:
    chat = await client.chat(title="Tea")
    address = f"/api/chats/{chat['id']}"
    assert await titles(other_client) == []
    problem_of(await other_client.get(address), 404, "NOT_FOUND")
    problem_of(await other_client.patch(address, json={"title": "mine"}), 404, "NOT_FOUND")
    problem_of(await other_client.delete(address), 404, "NOT_FOUND")
    assert await client.read(address) == chat
