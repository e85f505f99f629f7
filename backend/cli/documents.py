"""The verb that takes in trusted documents: `python app.py documents MANIFEST`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from backend.cli.running import FAILED, one_line_failures, settings_of
from backend.config import Settings
from backend.errors import ConfigurationError
from backend.lazy import Lazy

if TYPE_CHECKING:
    from backend.graphql import documents as manifests_of
    from backend.graphql import operations, schema
else:
    manifests_of = Lazy("backend.graphql.documents")
    operations = Lazy("backend.graphql.operations")
    schema = Lazy("backend.graphql.schema")


def documents(
    manifests: Annotated[
        list[Path], typer.Argument(help="What the tools of a client wrote: Relay, codegen, Apollo.")
    ],
) -> None:
    """Add a client's documents to the trusted ones, once each is good for this schema."""
    with one_line_failures():
        settings = settings_of()
        kept = _kept_in(settings)
        load = manifests_of.load_manifest
        known = load(kept) if kept.exists() else {}
        given = {id_: text for path in manifests for id_, text in load(path).items()}
    refused = _refused(given)
    for id_, why in refused.items():
        typer.echo(f"{id_}: {why}", err=True)
    if refused:
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(FAILED)
    _write(kept, {**known, **given})
    new = len(given.keys() - known.keys())
    typer.echo(f"{new} new, {len(known) + new} trusted. Servers read {kept} when they start.")


def _kept_in(settings: Settings) -> Path:
    if not settings.trusted_documents:
        raise ConfigurationError("CONVERSA_TRUSTED_DOCUMENTS: must name the file that keeps them")
    return Path(settings.trusted_documents)


def _refused(given: dict[str, str]) -> dict[str, str]:
    """What a server would say of each that it would not execute."""
    prepared = operations.Operations(schema.schema)
    found = {}
    for id_, text in given.items():
        try:
            prepared.prepare(text)
        except operations.Rejected as refusal:
            found[id_] = refusal.errors[0].message
    return found


def _write(kept: Path, trusted: dict[str, str]) -> None:
    """In one step: a server that starts meanwhile reads the old or the new."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    beside = kept.with_name(f"{kept.name}.new")
    beside.write_bytes(orjson.dumps(trusted, option=orjson.OPT_INDENT_2))
    beside.replace(kept)
