"""The verbs of the command line."""

from __future__ import annotations

import typer

from backend.cli.documents import documents
from backend.cli.embedding import embed
from backend.cli.keys import keys
from backend.cli.models import models
from backend.cli.searching import reindex, search
from backend.cli.serving import serve
from backend.cli.transfers import export_chats, import_chats
from backend.cli.upkeep import check, migrate, schema

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
        serve()


cli.command()(serve)
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
