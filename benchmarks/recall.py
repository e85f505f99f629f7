"""How much of the evidence for questions a search finds, over GraphQL of a running server.

    python -m benchmarks.recall FOLDER [--database URL] [--mode LEXICAL]

FOLDER holds conversations (``plain/*.json``) and questions about them (``recall/questions.json``:
a list of ``{conversation, questions: [{question, category, evidence}]}``, where ``evidence`` are
places of messages in the conversation's file, from 0). They are imported into a fresh database, of
which a server is started on a free port. Each question is asked within its conversation.

R@k is the share of a question's evidence among the first k hits, hit@10 whether any is, MRR one
over the rank of the first; each is the mean over questions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
        with server(database) as (port, _):
            client = Client(f"http://127.0.0.1:{port}")
            for path in sorted((folder / "plain").glob("*.json")):
                client.take_in(path)
            report(measured(client, folder, arguments.mode))


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

    def _send(self, path: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, body, headers)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)


def measured(client: Client, folder: Path, mode: str) -> Iterator[tuple[int, dict[str, float]]]:
    """Category and figures of each question."""
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
                yield question["category"], figures(found, wanted)


def figures(found: Sequence[str], wanted: set[str]) -> dict[str, float]:
    """How well one question was answered."""
    recall = {
        f"R@{depth}": len(wanted.intersection(found[:depth])) / len(wanted) for depth in DEPTHS
    }
    rank = next((rank for rank, each in enumerate(found, 1) if each in wanted), 0)
    return {**recall, "hit@10": float(0 < rank <= 10), "MRR": 1 / rank if rank else 0.0}


def report(rows: Iterator[tuple[int, dict[str, float]]]) -> None:
    """One line for each category, and one for all."""
    groups: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for category, each in rows:
        groups[f"category {category}"].append(each)
        groups["all"].append(each)
    names = [*(f"R@{depth}" for depth in DEPTHS), "hit@10", "MRR"]
    print(f"{'':<12}{'questions':>10}", *(f"{name:>8}" for name in names))
    for group in [*sorted(groups.keys() - {"all"}), "all"]:
        found = groups[group]
        means = (100 * sum(one[name] for one in found) / len(found) for name in names)
        print(f"{group:<12}{len(found):>10}", *(f"{mean:>8.1f}" for mean in means))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--database", help="its address; by default a SQLite file that is deleted")
    parser.add_argument("--mode", default="LEXICAL", choices=("LEXICAL", "SEMANTIC", "HYBRID"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
