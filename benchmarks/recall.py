"""How much of the evidence for questions a search finds, over GraphQL of a running server.

    python -m benchmarks.recall FOLDER [--database URL] [--mode MODE ...] [--embedder PLACE]

FOLDER holds conversations (``plain/*.json``) and questions about them (``recall/questions.json``:
a list of ``{conversation, questions: [{question, category, evidence}]}``, where ``evidence`` are
places of messages in the conversation's file, from 0). They are imported into a fresh database, of
which a server is started on a free port; with an embedder, a folder of ``models fetch`` or an
address, it is waited for until everything has its vector. Each question is asked within its
conversation.

R@k is the share of a question's evidence among the first k hits, hit@10 whether any is, MRR one
over the rank of the first; each is the mean over questions.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.requests import server

SEARCH = """query Find($query: String!, $mode: SearchMode!, $in: [ID!]) {
  search(query: $query, mode: $mode, first: 20, filter: { conversationIds: $in }) {
    nodes { message { id } } } }"""
LIST = "query { conversations(first: 200) { nodes { id source { externalId } } } }"
MESSAGES = """query Messages($id: ID!, $after: Cursor) { conversation(id: $id) {
  messages(first: 200, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }"""
DEPTHS = (5, 10, 20)


def main() -> None:
    """Prints the table."""
    arguments = _arguments()
    folder = Path(arguments.folder)
    with tempfile.TemporaryDirectory() as scratch:
        database = arguments.database or f"sqlite:///{scratch}/recall.db"
        settings = {"embedder": arguments.embedder} if arguments.embedder else {}
        with server(database, **settings) as (port, process):
            client = Client(f"http://127.0.0.1:{port}")
            for path in sorted((folder / "plain").glob("*.json")):
                client.take_in(path)
            client.wait_for_vectors()
            for mode in arguments.mode or ["LEXICAL"]:
                before = processor_seconds(process)
                rows = list(measured(client, folder, mode))
                spent = 1000 * (processor_seconds(process) - before) / len(rows)
                print(f"\n{mode}: {spent:.1f} ms of processor time a question, all else included")
                report(rows)


class Client:
    """Asks one server."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, operation: str, /, **variables: Any) -> Any:
        """The data of an operation."""
        body = json.dumps({"query": operation, "variables": variables}).encode()
        answer = self._send("/graphql", body)
        if answer.get("errors"):
            raise SystemExit(f"The server answered: {answer['errors']}")
        return answer["data"]

    def take_in(self, path: Path) -> None:
        """Imports a file."""
        mutation = """mutation Take($input: ImportConversationsInput!) {
          importConversations(input: $input) { report { failed } userErrors { message } } }"""
        answer = self.ask(mutation, input={"data": json.loads(path.read_text("utf-8"))})
        taken = answer["importConversations"]
        if taken["userErrors"] or taken["report"]["failed"]:
            raise SystemExit(f"{path}: {taken}")

    def wait_for_vectors(self) -> None:
        """Returns once nothing waits for a vector, or there is no embedder."""
        start = time.monotonic()
        while (lag := self._read("/healthz")["embedding"]) and (
            lag["state"] != "ready" or lag["waiting"]
        ):
            time.sleep(0.5)
        if lag:
            print(f"{lag['model']}: {time.monotonic() - start:.0f} s for the vectors")

    def messages(self, conversation_id: str) -> list[str]:
        """The ids of a conversation's messages, in order."""
        ids: list[str] = []
        after = None
        while True:
            page = self.ask(MESSAGES, id=conversation_id, after=after)["conversation"]["messages"]
            ids += [node["id"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return ids

    def _read(self, path: str) -> Any:
        with urllib.request.urlopen(self._address + path) as answer:  # noqa: S310
            return json.load(answer)

    def _send(self, path: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, body, headers)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)


def processor_seconds(process: int) -> float:
    """What a process has taken of the processor so far; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


Row = tuple[str, str, dict[str, float]]


def measured(client: Client, folder: Path, mode: str) -> Iterator[Row]:
    """Conversation, category and figures of each question."""
    asked = json.loads((folder / "recall" / "questions.json").read_text("utf-8"))
    homes = {
        node["source"]["externalId"]: node["id"]
        for node in client.ask(LIST)["conversations"]["nodes"]
        if node["source"]
    }
    for entry in asked:
        home = homes[entry["conversation"]]
        places = client.messages(home)
        for question in entry["questions"]:
            nodes = client.ask(SEARCH, query=question["question"], mode=mode, **{"in": [home]})[
                "search"
            ]["nodes"]
            found = [node["message"]["id"] for node in nodes]
            wanted = {places[place] for place in question["evidence"]}
            if wanted:
                yield entry["conversation"], str(question["category"]), figures(found, wanted)


def figures(found: Sequence[str], wanted: set[str]) -> dict[str, float]:
    """How well one question was answered."""
    recall = {
        f"R@{depth}": len(wanted.intersection(found[:depth])) / len(wanted) for depth in DEPTHS
    }
    rank = next((rank for rank, each in enumerate(found, 1) if each in wanted), 0)
    return {**recall, "hit@10": float(0 < rank <= 10), "MRR": 1 / rank if rank else 0.0}


def report(rows: Iterable[Row]) -> None:
    """One line for each category and each conversation, and one for all."""
    groups: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for conversation, category, each in rows:
        groups[f"category {category}"].append(each)
        groups[conversation].append(each)
        groups["all"].append(each)
    names = [*(f"R@{depth}" for depth in DEPTHS), "hit@10", "MRR"]
    wide = max(map(len, groups))
    print(f"{'':<{wide}}{'questions':>11}", *(f"{name:>8}" for name in names))
    for group in [*sorted(groups.keys() - {"all"}), "all"]:
        found = groups[group]
        means = (100 * sum(one[name] for one in found) / len(found) for name in names)
        print(f"{group:<{wide}}{len(found):>11}", *(f"{mean:>8.1f}" for mean in means))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--database", help="its address; by default a SQLite file that is deleted")
    parser.add_argument("--embedder", help="a folder of `models fetch`, or an address")
    parser.add_argument(
        "--mode",
        action="append",
        choices=("LEXICAL", "SEMANTIC", "HYBRID"),
        help="given once or more; LEXICAL where left out",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
