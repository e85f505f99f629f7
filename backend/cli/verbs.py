"""The verbs of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.documents import documents
from backend.cli.embedding import embed
from backend.cli.keys import keys
from backend.cli.models import models
from backend.cli.searching import reindex, search
from backend.cli.transfers import export_chats, import_chats
from backend.cli.upkeep import check, migrate, schema
from backend.lazy import Lazy

if TYPE_CHECKING:
    from backend.cli import serving
else:
    serving = Lazy("backend.cli.serving")

# Pretty tracebacks would show local variables: passwords and people's messages among them.
cli = typer.Typer(
    name="conversa",
    help="Conversations with language models, kept in SQL, served over GraphQL and REST.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@cli.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        serving.serve()


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many processes answer.")] = 1,
) -> None:
    """Serve GraphQL and REST; make or migrate the database first."""
    serving.serve(host, port, workers)


cli.command()(migrate)
cli.command("import")(import_chats)
cli.command("export")(export_chats)
cli.command()(schema)
cli.command()(check)
cli.command()(search)
cli.command()(reindex)
cli.command()(embed)
cli.command()(documents)
cli.add_typer(models)
cli.add_typer(keys)
