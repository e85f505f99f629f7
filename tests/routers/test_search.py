"""Search over REST."""

from __future__ import annotations

from tests.routers.support import Client


async def test_pages_of_hits(client: Client) -> None:
    chat = await client.chat(title="A title")
    for number in range(3):
        await client.message(chat, f"zebra number {number}")
    response = await client.get("/api/search", params={"query": "zebra", "first": 2})
    body = response.json()
    assert len(body["items"]) == 2
    hit = body["items"][0]
    [place] = hit["highlights"]
    assert hit["snippet"][place["start"] : place["end"]] == "zebra"
    assert hit["message"]["conversation_id"] == chat["id"]
    rest = (await client.get(response.links["next"]["url"])).json()
    assert len(rest["items"]) == 1
    assert rest["page_info"]["has_next_page"] is False


async def test_without_an_embedder_there_are_words(client: Client) -> None:
    chat = await client.chat(title="A title")
    await client.message(chat, "zebra")
    both = (await client.get("/api/search", params={"query": "zebra", "mode": "hybrid"})).json()
    assert (len(both["items"]), both["mode"]) == (1, "lexical")
    response = await client.get("/api/search", params={"query": "zebra", "mode": "semantic"})
    assert (response.status_code, response.json()["code"]) == (400, "NO_EMBEDDER")


async def test_filters(client: Client) -> None:
    chat, other = await client.chat(title="One"), await client.chat(title="Other")
    await client.message(chat, "zebra one")
    await client.message(other, "zebra other", "assistant")

    async def those(**asked: str) -> list[str]:
        response = await client.get("/api/search", params={"query": "zebra", **asked})
        return [hit["message"]["content"] for hit in response.json()["items"]]

    assert await those(chat_ids=chat["id"]) == ["zebra one"]
    assert await those(exclude_chat_ids=chat["id"]) == ["zebra other"]
    assert await those(roles="assistant") == ["zebra other"]
    assert await those(written_before="2000-01-01T00:00:00Z") == []


async def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    response = await client.get("/api/search", params={"query": "zebra", "after": "x" * 20})
    assert response.status_code == 400
    assert response.json()["field"] == ["after"]
