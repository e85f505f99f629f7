"""Trusted documents are taken in with one command, and only good ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.config import PREFIX
from backend.graphql.documents import open_documents
from backend.graphql.parameters import Parameters
from tests.cli.conftest import Command

NAMES = "query Names { viewer { name } }"
TITLES = "query Titles { conversations { nodes { title } } }"
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": "titles", "name": "Titles", "type": "query", "body": TITLES}],
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are kept; the file is not there yet."""
    path = tmp_path / "folder" / "trusted.json"
    monkeypatch.setenv(f"{PREFIX}TRUSTED_DOCUMENTS", str(path))
    return path


def manifest(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def test_manifests_add_up(command: Command, kept: Path, tmp_path: Path) -> None:
    first = manifest(tmp_path, "relay.json", {"names": NAMES})
    second = manifest(tmp_path, "apollo.json", APOLLO)
    assert command("documents", first).stdout.startswith("1 new, 1 trusted.")
    assert command("documents", first, second).stdout.startswith("1 new, 2 trusted.")
    documents = open_documents(str(kept), locked=True)
    assert documents.text_of(Parameters(document_id="names")) == NAMES
    assert documents.text_of(Parameters(document_id="titles")) == TITLES


@pytest.mark.parametrize("text", ["{ nothing }", "{", "{ " + "viewer { name } " * 900 + "}"])
def test_one_that_would_be_refused_changes_nothing(
    command: Command, kept: Path, tmp_path: Path, text: str
) -> None:
    assert command("documents", manifest(tmp_path, "a.json", {"names": NAMES})).exit_code == 0
    before = kept.read_bytes()
    result = command("documents", manifest(tmp_path, "b.json", {"bad": text, "titles": TITLES}))
    assert result.exit_code == 1
    assert "bad: " in result.stderr
    assert "titles: " not in result.stderr
    assert kept.read_bytes() == before


def test_somewhere_has_to_be_named(command: Command, tmp_path: Path) -> None:
    result = command("documents", manifest(tmp_path, "a.json", {"names": NAMES}))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{PREFIX}TRUSTED_DOCUMENTS: must name")
