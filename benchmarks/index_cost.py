"""What the search index adds to an appended message: CPU time with and without it, in one run.

    python -m benchmarks.index_cost [--messages 2000] [--rounds 3] [--database URL]

Each message is one append of its own through the service, as a request makes it, of the words of a
vocabulary with the frequencies of a language (Zipf). Rounds with and without the index take turns,
and what was appended is tidied (segments made and merged) within the time of a round.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from itertools import accumulate

from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.database.migrate import migrate
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.drafts import MessageDraft

VOCABULARY = 20_000
WORDS = 20


def main() -> None:
    """Prints one line for each round and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", help="an empty one; by default SQLite in a scratch folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/cost.db"
        asyncio.run(measured(load_settings(database_url=url), given.messages, given.rounds))


async def measured(settings: Settings, messages: int, rounds: int) -> None:
    """Takes the time of all rounds."""
    await migrate(settings)
    database = Database(settings)
    services = Services(Store(database))
    texts = sentences(messages)
    taken: dict[str, list[float]] = {"with the index": [], "without it": []}
    try:
        await appended(services, texts[:200])
        for _ in range(rounds):
            for name, each in taken.items():
                on = name == "with the index"
                services.store.before_commit = services.indexing.write if on else None
                each.append(await appended(services, texts))
                print(f"{name:<16} {each[-1]:.3f} ms of CPU a message")
    finally:
        await database.close()
    best = {name: min(each) for name, each in taken.items()}
    print(f"the index        {best['with the index'] - best['without it']:.3f} ms, best rounds")


async def appended(services: Services, texts: Sequence[str]) -> float:
    """Appends each text by itself; milliseconds of CPU a message."""
    viewer = LOCAL_VIEWER
    chat = await services.conversations.create(viewer, ConversationDraft(title="Cost"))
    begun = time.process_time()
    for place, text in enumerate(texts):
        draft = MessageDraft(role="assistant" if place % 2 else "user", content=text)
        await services.messages.add(viewer, chat.id, [draft])
    for owner_id in services.indexing.due:
        await services.upkeep.tidy(owner_id)
    services.indexing.due.clear()
    return (time.process_time() - begun) * 1000 / len(texts)


def sentences(count: int) -> list[str]:
    """Texts of twenty words each, the same in every run."""
    chance = random.Random(11)
    words = ["".join(chance.choices("aeioubcdlmnprst", k=2 + n % 9)) for n in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
    return [
        " ".join(chance.choices(words, cum_weights=weights, k=WORDS)) + "." for _ in range(count)
    ]


if __name__ == "__main__":
    main()
