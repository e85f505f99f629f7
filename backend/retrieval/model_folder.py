"""A model on disk: a folder with its files and a manifest that knows their hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.retrieval.embedder import EmbedderRejected

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a folder holds. ``files`` maps names to SHA-256; ``centre`` is as in ``centre_of``.

    ``begin`` and ``end`` are the tokens around every text; ``source`` says where the weights are
    from.
    """

    model_id: str
    dimensions: int
    begin: int
    end: int
    source: str
    files: dict[str, str]
    centre: tuple[float, ...]


def read_manifest(folder: Path) -> Manifest:
    """Raises EmbedderRejected where the folder is no model's, or a file of it is missing."""
    try:
        fields = json.loads((folder / MANIFEST).read_text("utf-8"))
        manifest = Manifest(**{**fields, "centre": tuple(fields["centre"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EmbedderRejected(f"{folder} holds no model: {error}") from error
    missing = [name for name in manifest.files if not (folder / name).is_file()]
    if missing:
        raise EmbedderRejected(f"{folder} lacks {', '.join(missing)}: fetch the model again")
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest, once every file's hash is right; raises EmbedderRejected."""
    manifest = read_manifest(folder)
    wrong = [name for name, digest in manifest.files.items() if sha256(folder / name) != digest]
    if wrong:
        raise EmbedderRejected(f"{folder} is damaged in {', '.join(wrong)}: fetch the model again")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Written last: a folder with a manifest is whole."""
    text = json.dumps(asdict(manifest), indent=1) + "\n"
    (folder / MANIFEST).write_text(text, "utf-8")


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal; raises EmbedderRejected where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderRejected(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder`` that takes its place if the block ends well.

    If it does not, ``folder`` stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield fresh
        old = fresh.with_name(fresh.name + "-old")
        if folder.exists():
            folder.rename(old)
        fresh.chmod(0o755)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
