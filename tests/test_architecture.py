"""Rules on the shape of the code that no linter knows. Who may import whom is in pyproject.toml."""

import ast
import json
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GENERATED = {
    ".git", ".venv", "node_modules", "data", "build", "dist", "__pycache__", ".hypothesis",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache",
}  # fmt: skip
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 50
# A migration is one list of statements, and is not read again once it has run.
MIGRATIONS = "backend/database/migrations/versions/*"

# The files that may know that there are two databases.
DIALECT_FILES = [
    "backend/cli/logs.py",  # names the loggers of the drivers
    "backend/config.py",
    "backend/database/*",
    "backend/models/types.py",
    "backend/models/types/*",
    "backend/repositories/dialect*.py",
    "backend/retrieval/*sql*",
]
DIALECT = re.compile(r"dialect\.name|postgres|sqlite", re.IGNORECASE)

# Spelled with classes of one letter, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|NotImplemented[E]rror)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|root|home|Users)/\w")

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def tracked_files() -> Iterator[Path]:
    """Every file of the tree that is not generated."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in GENERATED]
        yield from (Path(folder, name) for name in names)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


ALL_FILES = sorted(tracked_files())
PYTHON_FILES = [path for path in ALL_FILES if path.suffix == ".py"]
SERVER_FILES = [path for path in PYTHON_FILES if relative(path).startswith(("backend/", "app.py"))]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in PYTHON_FILES}


def test_the_walk_finds_the_code() -> None:
    assert {"app.py", "backend/config.py"} <= {relative(path) for path in SERVER_FILES}


def test_no_file_is_long() -> None:
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in PYTHON_FILES}
    assert {name: n for name, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{relative(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in TREES.items()
        if not fnmatch(relative(path), MIGRATIONS)
        for node in ast.walk(tree)
        if isinstance(node, FUNCTION)
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_no_import_hides_in_a_function() -> None:
    hidden = [
        f"{relative(path)}:{inner.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTION)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_nothing_is_marked_unfinished() -> None:
    found = [
        f"{relative(path)}:{number}"
        for path in PYTHON_FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are documentation: they may name any database."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def words_of(node: ast.AST) -> str:
    """The name or text that a node brings into the code, or nothing."""
    match node:
        case ast.Attribute():
            return ast.unparse(node)
        case ast.Name(id=name) | ast.alias(name=name) | ast.Constant(value=str(name)):
            return name
        case ast.ImportFrom(module=str(name)):
            return name
    return ""


def knows_a_database(tree: ast.AST) -> bool:
    """Whether the code, comments and documentation aside, names a database or its dialect."""
    prose = docstrings(tree)
    return any(DIALECT.search(words_of(node)) for node in ast.walk(tree) if id(node) not in prose)


@pytest.mark.parametrize(
    ("code", "knows"),
    [
        ("engine.dialect.name", True),
        ("connect('sqlite:///x')", True),
        ("from sqlalchemy.dialects import postgresql", True),
        ("from sqlalchemy.dialects.sqlite import insert", True),
        ("use_postgres = 1", True),
        ("'''Works on SQLite.'''  # and on PostgreSQL", False),
    ],
)
def test_what_counts_as_knowing_a_database(code: str, knows: bool) -> None:
    assert knows_a_database(ast.parse(code)) is knows


def test_few_files_know_the_two_databases() -> None:
    knowing = {relative(path) for path in SERVER_FILES if knows_a_database(TREES[path])}
    assert {name for name in knowing if not any(fnmatch(name, p) for p in DIALECT_FILES)} == set()


def test_no_path_of_a_machine_is_in_the_tree() -> None:
    found = [
        f"{relative(path)}:{number}"
        for path in ALL_FILES
        for number, line in enumerate(path.read_text("utf-8", errors="ignore").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_lockfiles_name_no_download_address() -> None:
    locks = [path for path in ALL_FILES if path.name == "package-lock.json"]
    assert locks
    assert [relative(path) for path in locks if addresses(json.loads(path.read_text()))] == []


def addresses(lock: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    return [name for name, package in lock["packages"].items() if "resolved" in package]
