"""Whether the server says how it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

from fastapi import FastAPI

from backend import __version__
from backend.database.database import Database
from backend.database.migrate import head_revision
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.routers.support import Client, make_app
from tests.support.databases import settings_for
from tests.support.statements import Statements

ROOT = Path(__file__).parents[2]


async def test_a_server_that_works_says_so(
    client: Client, database: Database, statements: Statements
) -> None:
    assert await client.read("/healthz") == {
        "status": "ok",
        "database": database.dialect,
        "migration": head_revision(),
        "version": __version__,
        "embedding": None,
    }
    assert statements.count == 1


async def test_a_database_that_does_not_answer_is_told(viewer: Viewer, tmp_path: Path) -> None:
    settings = settings_for("postgresql://nobody@127.0.0.1:1/nothing")
    database = Database(settings)
    async with Client(make_app(settings, Services(Store(database))), viewer) as client:
        response = await client.get("/healthz")
    await database.close()
    assert response.status_code == 503
    assert (response.json()["status"], response.json()["migration"]) == ("unavailable", None)
    assert "nobody" not in response.text


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


async def test_the_version_is_the_documents(client: Client, app: FastAPI) -> None:
    assert (await client.read("/openapi.json"))["info"]["version"] == __version__
