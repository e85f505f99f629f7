"""The tools that clients are built with take the schema as it is printed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLField, GraphQLSchema, build_schema

from tests.clients.conftest import CLIENTS, PATIENCE, RunNode
from tests.isolation.coverage import fields_of
from tests.isolation.selections import Everything

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
SCALARS = {"Cursor": "string", "DateTime": "string", "JSON": "unknown"}
DEPTH = 2
USE = """
import type { AddMessageInput, Message, Role } from './schema'
import type { EveryConversationsQuery, EveryConversationsQueryVariables } from './schema'

const role: Role = 'USER'
export const input: AddMessageInput = { conversationId: 'a', role, content: 'Hi' }
export const asked: EveryConversationsQueryVariables = { first: 5, filter: { tags: ['a'] } }
export const titles = (told: EveryConversationsQuery): string[] =>
  told.conversations.nodes.map(({ title }) => title)
export const said = (message: Message): string | null => message.name ?? null
"""


def run_tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of these packages in a folder."""
    program = CLIENTS / "node_modules" / arguments[0]
    command = ["node", str(program), *arguments[1:]]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_graphql_eslint_finds_nothing(run_node: RunNode) -> None:
    assert run_node("lint.mjs", str(SCHEMA)) == []


def test_graphql_eslint_would_find_something(run_node: RunNode, tmp_path: Path) -> None:
    poor = SCHEMA.read_text("utf-8").replace("hasNextPage: Boolean!", "hasNextPage: Int")
    (tmp_path / "poor.graphql").write_text(poor.replace("edges: [MessageEdge!]!", "edges: Int"))
    found = {each["ruleId"] for each in run_node("lint.mjs", str(tmp_path / "poor.graphql"))}
    assert {"@graphql-eslint/relay-page-info", "@graphql-eslint/relay-connection-types"} <= found


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    """A folder as Relay's compiler wants it."""
    config = {
        "src": ".",
        "schema": "./schema.graphql",
        "language": "typescript",
        "eagerEsModules": True,
        "noSourceControl": True,
        "excludes": ["schema.graphql"],
        "requireCustomScalarTypes": True,
        "customScalarTypes": SCALARS,
    }
    shutil.copy(SCHEMA, tmp_path)
    shutil.copy(CLIENTS / "relay" / "Chats.ts", tmp_path)
    (tmp_path / "relay.config.json").write_text(json.dumps(config))
    return tmp_path


def test_relay_compiles(relay: Path) -> None:
    done = run_tool(relay, "relay-compiler/cli.js", "relay.config.json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name.removesuffix(".graphql.ts") for path in relay.glob("__generated__/*.ts")}
    source = (relay / "Chats.ts").read_text("utf-8")
    named = set(re.findall(r"(?:query|mutation|subscription|fragment) (\w+)", source))
    assert named | {"ChatsListQuery", "ChatsThreadQuery", "ChatsHappenedQuery"} == made


def test_codegen_makes_strict_types(run_node: RunNode, tmp_path: Path) -> None:
    schema = build_schema(SCHEMA.read_text("utf-8"))
    (tmp_path / "everything.graphql").write_text("\n\n".join(operations(schema)))
    made = tmp_path / "schema.ts"
    run_node("codegen.mjs", str(SCHEMA), str(tmp_path / "everything.graphql"), str(made))
    text = made.read_text("utf-8")
    assert not re.search(r"\bany\b", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    names = fields_of(schema)
    assert all(f"  {name.split('.')[1]}" in text for name in names)
    (tmp_path / "use.ts").write_text(USE)
    done = run_tool(tmp_path, "typescript/bin/tsc", "--strict", "--noEmit", "use.ts", "schema.ts")
    assert (done.returncode, done.stdout) == (0, "")


def operations(schema: GraphQLSchema) -> Iterator[str]:
    """An operation for each field at a root, with variables for all of its arguments."""
    everything = Everything(schema)
    for root in ("Query", "Mutation", "Subscription"):
        fields: dict[str, GraphQLField] = schema.type_map[root].fields  # type: ignore[attr-defined]
        for name, field in fields.items():
            text, _ = everything.ask(f"{root}.{name}", dict.fromkeys(field.args), DEPTH)
            kind = root.lower()
            yield text.replace(kind, f"{kind} Every{name[0].upper()}{name[1:]}", 1)
