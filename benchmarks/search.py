"""Search and context windows over many messages, over HTTP, while others write.

    python -m benchmarks.search [--messages 100000] [--questions 200] [--embedder FOLDER]
        [--database URL] [--writes 20]

Makes a database of so many messages in conversations of a thousand, of the words of a vocabulary
with the frequencies of a language. A word that stands in one text of twenty is a stop word and not
asked for. Then it asks one question after the other while so many messages a second are added. With
an embedder every chunk has a vector by chance: what is compared costs the same whatever it says,
and embedding that many texts takes an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

import numpy as np
import orjson
from sqlalchemy import select

from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.database.migrate import migrate
from backend.models import ChunkVector, SearchChunk
from backend.repositories.bulk import insert_rows
from backend.repositories.conversations import ConversationFilter
from backend.repositories.store import Store
from backend.retrieval.vectors import normalised, to_bytes
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.drafts import MessageDraft
from benchmarks.index_cost import sentences
from benchmarks.load import cpu_seconds, peak_megabytes, post, request
from benchmarks.requests import server

SEARCH = """query Find($text: String!, $mode: SearchMode!) { search(query: $text, mode: $mode,
  first: 10) { mode nodes { score snippet message { id createdAt conversation { title } } } } }"""
RECALL = """query Recall($id: ID!, $text: String!) { conversation(id: $id) {
  contextWindow(maxTokens: 4000, recall: 10, query: $text) { prompt } } }"""
ADD = """mutation Add($id: ID!, $content: String!) { addMessage(input: {
  conversationId: $id, role: USER, content: $content}) { userErrors { code } } }"""
CREATE = 'mutation { createConversation(input: {title: "Now"}) { conversation { id } } }'
IN_CONVERSATION = 1000
IN_WRITE = 250
QUESTION_WORDS = 6
STOP_WORD_SHARE = 0.05
VECTORS_AT_ONCE = 5000
SPREAD = 0.02
"""How far vectors lie from the model's centre, about as those of real texts."""
TEXTS = 50_000

Body = Callable[[str], bytes]


def main() -> None:
    """Prints the figures of each kind of question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--writes", type=float, default=20)
    parser.add_argument("--embedder", default="", help="a folder of `models fetch`")
    parser.add_argument(
        "--database",
        help="by default SQLite in a scratch folder; one that holds messages is taken as it is",
    )
    given = parser.parse_args()
    texts = sentences(min(TEXTS, given.messages))
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/search.db"
        settings = load_settings(database_url=url, embedder=given.embedder, synchronous="normal")
        asyncio.run(made(settings, texts, given.messages))
        with server(url, embedder=given.embedder) as (port, process):
            asyncio.run(asked(port, process, texts, given))


async def made(settings: Settings, texts: Sequence[str], count: int) -> None:
    """Stores the messages, their index and their vectors."""
    await migrate(settings)
    services = Services(Store(Database(settings)))
    begun = time.perf_counter()
    async with services.store.read(LOCAL_VIEWER) as unit:
        filled = await unit.conversations.count(ConversationFilter()) > 0
    for first in () if filled else range(0, count, IN_CONVERSATION):
        chat = await services.conversations.create(
            LOCAL_VIEWER, ConversationDraft(title=f"Chat {first // IN_CONVERSATION}")
        )
        for start in range(first, first + IN_CONVERSATION, IN_WRITE):
            drafts = [
                MessageDraft("assistant" if n % 2 else "user", content=texts[n % len(texts)])
                for n in range(start, start + IN_WRITE)
            ]
            await services.messages.add(LOCAL_VIEWER, chat.id, drafts)
    await services.upkeep.everything()
    if settings.embedder and not filled:
        await give_vectors(services)
    await services.embedding.close()
    await services.store.database.close()
    print(f"{count} messages made in {time.perf_counter() - begun:.0f} s")


async def give_vectors(services: Services) -> None:
    """A vector by chance for every chunk."""
    model = await services.embedding.models.target()
    chance = np.random.default_rng(1)
    async with services.store.read(LOCAL_VIEWER, long=True) as unit:
        owner, connection = unit.owner_id, unit.connection
        numbers = iter((await connection.scalars(select(SearchChunk.number))).all())
    while part := list(islice(numbers, VECTORS_AT_ONCE)):
        apart = chance.standard_normal((len(part), len(model.centre))) * SPREAD
        vectors = normalised(model.centre + apart)
        async with services.store.database.write() as connection:
            await insert_rows(
                connection,
                ChunkVector.__table__,
                ("owner_id", "number", "model_id", "text_hash", "vector"),
                [
                    (owner, number, model.id, os.urandom(16), to_bytes(vector))
                    for number, vector in zip(part, vectors, strict=True)
                ],
            )


async def asked(port: int, process: int, texts: Sequence[str], given: argparse.Namespace) -> None:
    """Asks the questions of each kind, and tells the memory at the end."""
    conversation = (await _ask(port, request(CREATE)))["createConversation"]["conversation"]["id"]
    kinds: dict[str, Body] = {
        "lexical": lambda query: request(SEARCH, text=query, mode="LEXICAL"),
        "context window": lambda query: request(RECALL, id=conversation, text=query),
    }
    if given.embedder:
        kinds["hybrid"] = lambda query: request(SEARCH, text=query, mode="HYBRID")
    writing = asyncio.create_task(write(port, conversation, texts, given.writes))
    print("kind               p50 ms   p90 ms   p99 ms   CPU ms (writes included)")
    for seed, (name, body) in enumerate(kinds.items()):
        # Questions of its own for each kind: the vectors of those asked before are kept.
        asking = questions_of(texts, given.questions, seed)
        await report(name, port, process, body, asking)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    print(f"peak memory {peak_megabytes(process):.0f} MiB")


async def report(name: str, port: int, process: int, body: Body, asking: Sequence[str]) -> None:
    """Asks questions of one kind, and prints a line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await post(reader, writer, body("warm up"))
    times, used = [], cpu_seconds(process)
    for question in asking:
        begun = time.perf_counter()
        answer = await post(reader, writer, body(question))
        times.append((time.perf_counter() - begun) * 1000)
        if b'"errors":' in answer[:200]:
            raise RuntimeError(answer[:500].decode())
    used = (cpu_seconds(process) - used) * 1000 / len(asking)
    times.sort()
    p50, p90, p99 = (times[int(len(times) * share)] for share in (0.5, 0.9, 0.99))
    print(f"{name:<16} {p50:>8.1f} {p90:>8.1f} {p99:>8.1f} {used:>8.1f}")
    writer.close()


def questions_of(texts: Sequence[str], count: int, seed: int = 3) -> list[str]:
    """The first words of texts by chance, stop words aside."""
    chance = random.Random(seed)
    texts_with = Counter(word for text in texts for word in set(text.split()))
    most = len(texts) * STOP_WORD_SHARE
    found = []
    for _ in range(count):
        words = [word for word in chance.choice(texts).split() if texts_with[word] <= most]
        found.append(" ".join(words[:QUESTION_WORDS]))
    return found


async def write(port: int, conversation: str, texts: Sequence[str], rate: float) -> None:
    """Adds messages at a steady rate until it is cancelled."""
    if not rate:
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(10**9):
        await asyncio.sleep(1 / rate)
        body = request(ADD, id=conversation, content=texts[number % len(texts)])
        answer = await post(reader, writer, body)
        if b'"userErrors":[]' not in answer:
            raise RuntimeError(answer[:500].decode())
    writer.close()


async def _ask(port: int, body: bytes) -> dict[str, dict[str, dict[str, str]]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = orjson.loads(await post(reader, writer, body))
    writer.close()
    data: dict[str, dict[str, dict[str, str]]] = answer["data"]
    return data


if __name__ == "__main__":
    main()
