"""Branches of a chat over REST."""

from __future__ import annotations

import pytest

from tests.routers.support import Client, Json, problem_of


@pytest.fixture
async def chat(client: Client) -> Json:
    return await client.chat(title="Tea", tags=["hot"])


@pytest.fixture
def address(chat: Json) -> str:
    """Where its messages are."""
    return f"/api/chats/{chat['id']}/messages"


async def test_a_fork_copies_up_to_a_message(client: Client, chat: Json, address: str) -> None:
    messages = await client.messages(chat, 5)
    response = await client.post(f"{address}/{messages[2]['id']}/fork", json={})
    fork = response.json()
    assert response.headers["location"] == f"/api/chats/{fork['id']}"
    assert (fork["title"], fork["tags"], fork["message_count"]) == ("Tea", ["hot"], 3)
    assert fork["forked_from_id"] == messages[2]["id"]
    copies = await client.read(f"/api/chats/{fork['id']}/messages")
    assert [m["content"] for m in copies["items"]] == ["message 0", "message 1", "message 2"]


async def test_a_fork_can_have_a_title_of_its_own(client: Client, chat: Json, address: str) -> None:
    [message] = await client.messages(chat, 1)
    response = await client.post(f"{address}/{message['id']}/fork", json={"title": "Cake"})
    assert response.json()["title"] == "Cake"


async def test_another_branch_can_be_shown(client: Client, chat: Json, address: str) -> None:
    question, answer = await client.messages(chat, 2)
    other = await client.message(chat, "again", "assistant", parent_id=question["id"])
    response = await client.put(f"{address}/{answer['id']}/select")
    assert response.json() == await client.read(f"/api/chats/{chat['id']}")
    page = await client.read(address)
    assert [m["id"] for m in page["items"]] == [question["id"], answer["id"]]
    aside = await client.read(f"{address}/{other['id']}")
    assert aside["on_active_branch"] is False


async def test_showing_what_is_shown_changes_nothing(
    client: Client, chat: Json, address: str
) -> None:
    [message] = await client.messages(chat, 1)
    before = await client.read(f"/api/chats/{chat['id']}")
    response = await client.put(f"{address}/{message['id']}/select")
    assert response.json() == before


async def test_the_alternatives_at_a_message_come_oldest_first(
    client: Client, chat: Json, address: str
) -> None:
    question, answer = await client.messages(chat, 2)
    other = await client.message(chat, "again", "assistant", parent_id=question["id"])
    root = await client.message(chat, "start again", new_root=True)
    for one, all_of_them in ((answer, [answer, other]), (root, [question, root])):
        siblings = await client.read(f"{address}/{one['id']}/siblings")
        assert [each["id"] for each in siblings["messages"]] == [m["id"] for m in all_of_them]


async def test_branches_of_another_chat_are_not_found(client: Client, address: str) -> None:
    [message] = await client.messages(await client.chat(title="Cake"), 1)
    at = f"{address}/{message['id']}"
    for response in (
        await client.post(f"{at}/fork", json={}),
        await client.put(f"{at}/select"),
        await client.get(f"{at}/siblings"),
    ):
        problem_of(response, 404, "NOT_FOUND")
