"""A model on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.retrieval.embedder import EmbedderRejected
from backend.retrieval.model_folder import (
    MANIFEST,
    Manifest,
    read_manifest,
    replacing,
    sha256,
    verify,
    write_manifest,
)


def fill(folder: Path, text: str = "weights") -> Manifest:
    (folder / "model.onnx").write_text(text)
    files = {"model.onnx": sha256(folder / "model.onnx")}
    manifest = Manifest("m/1", 3, 0, 2, "a test", files, (0.5, 0.0, -1.0))
    write_manifest(folder, manifest)
    return manifest


def test_a_manifest_is_read_back_and_verified(tmp_path: Path) -> None:
    manifest = fill(tmp_path)
    assert read_manifest(tmp_path) == manifest
    assert verify(tmp_path) == manifest


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "model.onnx").write_text("Weights")
    with pytest.raises(EmbedderRejected, match=r"damaged in model\.onnx"):
        verify(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(EmbedderRejected, match=r"lacks model\.onnx"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"model_id": 1}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(EmbedderRejected, match="holds no model"):
        read_manifest(tmp_path)


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "e5"
    with replacing(folder) as fresh:
        fill(fresh, "first")
    with pytest.raises(FileNotFoundError), replacing(folder) as fresh:
        (fresh / "model.onnx").rename(fresh / "half")
    assert (folder / "model.onnx").read_text() == "first"
    with replacing(folder) as fresh:
        fill(fresh, "second")
    assert (folder / "model.onnx").read_text() == "second"
    assert [path.name for path in folder.parent.iterdir()] == ["e5"]
