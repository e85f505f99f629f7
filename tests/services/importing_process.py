"""Imports a file, and says after each batch what is imported, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from backend.database.database import Database
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from backend.services.imports import ImportOptions, ImportReport
from tests.support.databases import settings_for


async def write(url: str, path: Path) -> None:
    """Prints the conversations that are imported, counted from the beginning."""
    services = Services(Store(Database(settings_for(url))))
    options = ImportOptions(on_batch=acknowledge)
    await services.imports.from_path(LOCAL_VIEWER, path, options=options)


def acknowledge(report: ImportReport) -> None:
    """Tells the parent."""
    sys.stdout.write(f"{report.imported}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], Path(sys.argv[2])))
