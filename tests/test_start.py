"""What a start costs, in modules: what few servers use, none of them loads before it is used."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import partial

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


def test_a_command_line_without_anything_is_not_parsed_and_ends_alike() -> None:
    wrong = {**os.environ, "CONVERSA_PORT": "x"}
    run = partial(subprocess.run, cwd=ROOT, env=wrong, capture_output=True, text=True)
    program = (
        "import sys, app; sys.argv = ['app.py']\ntry: app.main()\nfinally: print(*sys.modules)"
    )
    bare, serve = run([sys.executable, "-c", program]), run([sys.executable, "app.py", "serve"])
    assert "CONVERSA_PORT" in bare.stderr
    assert (bare.returncode, bare.stderr) == (serve.returncode, serve.stderr)
    assert {"backend.cli.verbs", "pydantic"}.isdisjoint(bare.stdout.split())


def test_a_verb_loads_no_application() -> None:
    program = (
        "import atexit, runpy, sys; sys.argv = ['app.py', 'import', '--help'];"
        "atexit.register(lambda: print(*sys.modules)); sys.path.insert(0, '.');"
        "runpy.run_path('app.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert {"sqlalchemy", "backend.cli.transfers"} <= loaded
    assert {"graphql", "numpy", "starlette", "strawberry", "uvicorn"} & loaded == set()


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
