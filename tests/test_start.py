"""What a start costs, in modules: what few servers use, none of them loads before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from unittest.mock import Mock

import pytest
import typer

from backend import cli
from tests.support.servers import ROOT

LATER = {
    *("alembic", "asyncpg", "fastapi", "httpx", "jwt", "numpy", "psycopg", "pydantic", "redis"),
    *("rich", "sqlalchemy.dialects.postgresql", "websockets"),
    *("backend.formats", "backend.services.exports", "backend.services.imports"),
}
EVALUATED = ("types", "queries", "mutations", "subscriptions")


def test_a_start_loads_nothing_that_has_time() -> None:
    program = "import sys, app; app.create_app(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert {"app", "sqlalchemy", "strawberry", "backend.graphql.schema"} <= loaded
    assert loaded & LATER == set()


@pytest.mark.parametrize(("end", "code"), [(typer.Exit(2), 2), (KeyboardInterrupt(), 130)])
def test_a_command_line_without_anything_is_not_parsed(
    monkeypatch: pytest.MonkeyPatch, end: BaseException, code: int
) -> None:
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.setattr(cli, "verbs", Mock(cli=Mock(side_effect=AssertionError)))
    monkeypatch.setattr(cli, "serve", Mock(side_effect=[None, end]))
    cli.main()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code


def test_annotations_of_the_schema_are_no_text() -> None:
    # Strawberry parses and evaluates one that is text again and again: half the time that the
    # schema took.
    texts = [
        path.name
        for folder in EVALUATED
        for path in sorted((ROOT / "backend" / "graphql" / folder).glob("*.py"))
        if "strawberry" in (source := path.read_text("utf-8"))
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert texts == []
