"""What the application's process does: serve, or what its command line says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from backend.cli.running import INTERRUPTED
from backend.cli.serving import serve
from backend.lazy import Lazy

if TYPE_CHECKING:
    from backend.cli import verbs
else:
    verbs = Lazy("backend.cli.verbs")


def main() -> None:
    """The command line of this process.

    Where there is nothing to parse, nothing is: Typer makes all verbs first, and loads pydantic
    for it, a tenth of a start and 7 MiB.
    """
    if sys.argv[1:]:
        verbs.cli()
        return
    try:
        serve()
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


__all__ = ["main"]
