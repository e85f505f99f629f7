"""What the documentation shows is executed; what it lists is complete; where it points there is."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate
from graphql.language import OperationDefinitionNode, OperationType

from backend import limits
from backend.config import PREFIX, Settings
from backend.graphql.context import Context
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.markdown import ROOT, blocks, documents

WITH_QUERIES = [
    name for name in documents() if any(each.language == "graphql" for each in blocks(name))
]


def _is_subscription(text: str) -> bool:
    definitions = parse(text).definitions
    return any(
        isinstance(each, OperationDefinitionNode) and each.operation is OperationType.SUBSCRIPTION
        for each in definitions
    )


@pytest.mark.parametrize("name", WITH_QUERIES)
async def test_queries_work_in_order_on_an_empty_database(
    services: Services, viewer: Viewer, name: str
) -> None:
    for block in blocks(name):
        if block.language != "graphql":
            continue
        if _is_subscription(block.text):
            assert not validate(schema._schema, parse(block.text)), f"{name}:{block.line}"
            continue
        result = await schema.execute(block.text, context_value=Context(services, viewer))
        assert not result.errors, f"{name}:{block.line}"
        for payload in (result.data or {}).values():
            # One example shows a conflict on purpose.
            if isinstance(payload, dict) and "expectedRevision" not in block.text:
                assert not payload.get("userErrors"), f"{name}:{block.line}"


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
async def test_the_answer_shown_is_the_answer_given(
    services: Services, viewer: Viewer, name: str
) -> None:
    shown = [block for block in blocks(name) if block.language in ("graphql", "json")]
    answer: Any = None
    compared = 0
    for block in shown:
        if block.language == "json":
            assert {"data": answer} == json.loads(block.text)
            compared += 1
        else:
            result = await schema.execute(block.text, context_value=Context(services, viewer))
            answer = result.data
    assert compared == 1


def test_every_setting_is_documented_as_it_is() -> None:
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    listed = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| (.+) \|$", text, re.MULTILINE))
    fields = {
        each.name.upper(): each.metadata["description"] for each in dataclasses.fields(Settings)
    }
    assert listed.keys() == fields.keys()
    for name, description in fields.items():
        assert description
        assert description in listed[name], name


def test_every_limit_is_documented() -> None:
    text = (ROOT / "docs/graphql.md").read_text("utf-8")
    for value in (
        f"{limits.TITLE_CHARACTERS} characters",
        "1 MiB each",
        "16 KiB",
        f"{limits.TAGS} of {limits.TAG_CHARACTERS}",
        f"| parts | {limits.PARTS} |",
        f"{limits.NAME_CHARACTERS} characters",
        f"{limits.COMMENT_CHARACTERS:,} characters",
        f"| messages in one request | {limits.BATCH_MESSAGES} |",
        f"| {limits.PAGE_SIZE} |",
    ):
        assert value in text, value
    assert (limits.CONTENT_BYTES, limits.METADATA_BYTES) == (2**20, 2**14)


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def test_every_make_target_named_exists() -> None:
    named = {
        target
        for name in documents()
        for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", (ROOT / name).read_text("utf-8"))
        if target in _code_words(name)
    }
    makefile = Path(ROOT / "Makefile").read_text("utf-8")
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def _code_words(name: str) -> set[str]:
    text = (ROOT / name).read_text("utf-8")
    return set(re.findall(r"`make ([a-z-]+)`", text)) | set(
        re.findall(r"^make ([a-z-]+)$", text, re.MULTILINE)
    )


def test_the_commands_named_are_verbs() -> None:
    verbs = subprocess.run(
        [sys.executable, "app.py", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in documents():
        for verb in re.findall(r"python app\.py ([a-z]+)", (ROOT / name).read_text("utf-8")):
            assert re.search(rf"^\s*{verb}\b", verbs, re.MULTILINE), f"{name}: {verb}"
