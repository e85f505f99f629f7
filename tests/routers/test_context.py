"""The context window over REST."""

from __future__ import annotations

import pytest

from tests.routers.support import Client, Json, problem_of


@pytest.fixture
async def chat(client: Client) -> Json:
    """A chat with instructions and two turns."""
    chat = await client.chat(title="Tea", messages=[{"role": "system", "content": "Be brief."}])
    await client.messages(chat, 4)
    return chat


async def test_a_window_is_ready_to_be_sent_to_a_model(client: Client, chat: Json) -> None:
    window = await client.read(f"/api/chats/{chat['id']}/context")
    said = ["Be brief.", "message 0", "message 1", "message 2", "message 3"]
    assert [each["content"] for each in window["prompt"]] == said
    assert [each["content"] for each in window["messages"]] == said
    assert [each["origin"] for each in window["messages"]] == ["system"] + ["recent"] * 4
    assert (window["max_tokens"], window["omitted_count"]) == (4096, 0)


async def test_a_window_keeps_to_its_budget(client: Client, chat: Json) -> None:
    whole = await client.read(f"/api/chats/{chat['id']}/context")
    query = {"max_tokens": whole["token_count"] - 1}
    window = await client.read(f"/api/chats/{chat['id']}/context", **query)
    assert [each["content"] for each in window["prompt"]] == ["Be brief.", "message 2", "message 3"]
    assert window["token_count"] <= query["max_tokens"]
    assert window["omitted_count"] == 2


async def test_a_window_may_be_of_the_last_messages_alone(client: Client, chat: Json) -> None:
    window = await client.read(f"/api/chats/{chat['id']}/context", recent=2)
    assert [each["content"] for each in window["prompt"]] == ["Be brief.", "message 2", "message 3"]


async def test_a_window_may_be_of_another_branch(client: Client, chat: Json) -> None:
    address = f"/api/chats/{chat['id']}"
    first = (await client.read(f"{address}/messages", first=2))["items"][1]
    await client.message(chat, "elsewhere", parent_id=first["id"])
    window = await client.read(f"{address}/context", leaf_id=first["id"])
    assert [each["content"] for each in window["prompt"]] == ["Be brief.", "message 0"]


async def test_a_leaf_of_another_chat_is_not_found(client: Client, chat: Json) -> None:
    [message] = await client.messages(await client.chat(title="Cake"), 1)
    response = await client.get(
        f"/api/chats/{chat['id']}/context", params={"leaf_id": message["id"]}
    )
    problem_of(response, 404, "NOT_FOUND", "leaf_id")


async def test_a_window_recalls_what_was_said_elsewhere(client: Client, chat: Json) -> None:
    other = await client.chat(title="Animals")
    zebra = await client.message(other, "I keep a zebra.")
    address = f"/api/chats/{chat['id']}/context"
    window = await client.read(address, recall=1, query="zebra", recall_floor=0.5)
    [recalled] = [each for each in window["messages"] if each["origin"] == "recalled"]
    assert (recalled["message"]["id"], recalled["content"]) == (zebra["id"], "I keep a zebra.")
    assert recalled["reason"] == {
        "rank": 1, "score": 1.0, "lexical_rank": 1, "semantic_rank": None, "neighbour_of": None
    }  # fmt: skip
    assert '"conversation":"Animals"' in window["prompt"][1]["content"]
    assert (window["query"], window["left_out"]) == ("zebra", [])
    here = await client.read(address, recall=1, query="zebra", recall_from="conversation")
    assert "recalled" not in {each["origin"] for each in here["messages"]}


@pytest.mark.parametrize(
    "query",
    [
        "max_tokens=-1",
        "recent=-1",
        "max_tokens=x",
        "leaf_id=1",
        "recall=51",
        "recall_floor=nan",
        "recency_weight=2",
        "recall_from=x",
    ],
)
async def test_numbers_and_ids_that_make_no_sense_are_refused(
    client: Client, chat: Json, query: str
) -> None:
    response = await client.get(f"/api/chats/{chat['id']}/context?{query}")
    problem_of(response, 400, "INVALID", query.split("=")[0])


async def test_nobody_sees_another_ones_window(
    client: Client, other_client: Client, chat: Json
) -> None:
    problem_of(await other_client.get(f"/api/chats/{chat['id']}/context"), 404, "NOT_FOUND")
