"""Every statement names its owner, and no other: what keeps chats apart is in the SQL itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from greenlet import getcurrent  # type: ignore[import-untyped]
from sqlalchemy import event, insert

from backend.config import Settings
from backend.database.database import Database
from backend.models import Owner
from tests.isolation import addresses, asking
from tests.isolation.worlds import World, settle_ana, world
from tests.support.embedding_server import embedding_server

ROOT = Path(__file__).parents[1]
ANA, BRUNO = 7_000_000_000_001, 7_000_000_000_002
"""Numbers that no count and no revision of a test comes near, with more digits than any part of an
id that is drawn."""

# What is done for the process or before anybody is known. Everything else is somebody's.
OF_NOBODY = {
    "backend/database/health.py applied_migration",
    "backend/repositories/api_keys.py find_key",
    "backend/repositories/api_keys.py insert_key",
    "backend/repositories/chunks.py list_streaming",
    "backend/repositories/embedding_models.py insert_model",
    "backend/repositories/embedding_models.py list_models",
    "backend/repositories/embedding_models.py lock_model",
    "backend/repositories/embedding_models.py update_model",
    "backend/repositories/embedding_queue.py _move",
    "backend/repositories/embedding_queue.py anything_due",
    "backend/repositories/embedding_queue.py count_waiting",
    "backend/repositories/owners.py ensure_owner",
    "backend/repositories/owners.py find_owner",
    "backend/repositories/revisions.py conversation_revisions",
    "backend/repositories/revisions.py owner_revisions",
    "backend/repositories/search_owners.py list_indexes",
    "backend/repositories/search_owners.py list_owners",
    "backend/repositories/search_owners.py list_conversations",
    "backend/repositories/search_owners.py unindexed_messages",
}
SERVED: ContextVar[int] = ContextVar("served", default=0)
"""Whose request it is; 0 for what the process does on its own."""


OWN_ROW = (
    "UPDATE owners SET revision=",
    "UPDATE owners SET revision =",
    "UPDATE owners SET is_indexed=",
)
FOLDERS = ("backend/repositories/", "backend/retrieval/", "backend/database/")
DOORS = (
    "inloop.py",
    "driven.py",
    "sending.py",
    "timeouts.py",
    "database.py",
    "store.py",
    "aside.py",
    "prepared.py",
    "rows.py",
    "dialect_lists.py",
)
"""What every statement passes through."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One statement: where in the code it comes from, and who was being served."""

    origin: str
    who: int
    sql: str
    parameters: str


class Ear:
    """Hears every statement of a database."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    @contextmanager
    def listening(self, database: Database) -> Iterator[None]:
        for engine in database.engines:
            event.listen(engine, "before_cursor_execute", self._hear)
            # Where anybody listens here, no statement takes the way that events do not hear of.
            event.listen(engine, "after_cursor_execute", _nothing)
        yield
        for engine in database.engines:
            event.remove(engine, "before_cursor_execute", self._hear)
            event.remove(engine, "after_cursor_execute", _nothing)

    def _hear(self, _c: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.sent.append(Sent(_origin(), SERVED.get(), sql, repr(parameters)))


def _nothing(*_: Any) -> None:
    """What is to be done after a statement."""


def _origin() -> str:
    """The function of the repositories, or of the database's folder, that sends a statement."""
    for frame in _frames():
        name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if name.startswith(FOLDERS) and not name.endswith(DOORS):
            return f"{name} {frame.f_code.co_qualname}"
    return "somewhere else"


def _frames() -> Iterator[FrameType]:
    """The stack, and on through the greenlets that SQLAlchemy puts between."""
    frame: FrameType | None = sys._getframe()
    greenlet = getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and greenlet.parent is not None:
            greenlet = greenlet.parent
            frame = greenlet.gr_frame


@pytest.fixture
async def numbered(settings: Settings) -> AsyncIterator[World]:
    """A world whose owners have numbers that can be told from everything else."""
    database = Database(settings)
    async with database.write() as connection:
        for number, name in ((ANA, "ana"), (BRUNO, "bruno")):
            values = {"id": number, "name": name, "created_at": datetime.now(UTC)}
            await connection.execute(insert(Owner).values(**values))
    await database.close()
    with embedding_server() as endpoint:
        async with world(settings.model_copy(update=endpoint.settings())) as there:
            yield there


async def test_every_statement_names_its_owner_and_no_other(numbered: World) -> None:
    ear = Ear()
    with ear.listening(numbered.app.state.services.store.database):
        SERVED.set(ANA)
        cursors = await settle_ana(numbered.ana)
        SERVED.set(BRUNO)
        for questions in (asking.takes(), asking.reads(cursors), asking.writes()):
            for question in questions:
                await numbered.ask(question)
        document = (await numbered.bruno.get("/openapi.json")).json()
        for call in addresses.calls(document, cursors):
            await numbered.rest(call.operation, call.method, call.path, **call.sent)
    owned = [each for each in ear.sent if each.origin not in OF_NOBODY]
    assert len(owned) > 500
    for each in owned:
        named = {who for who in (ANA, BRUNO) if str(who) in each.parameters}
        assert named == {each.who} or (each.who == 0 and len(named) == 1), each
        assert "owner_id" in each.sql or each.sql.startswith(OWN_ROW), each
    heard = {each.origin.split()[1].split(".")[0] for each in owned}
    assert repositories_of_owners() - heard == set()


def repositories_of_owners() -> set[str]:
    """The classes of the repositories that are made for one owner."""
    return {
        node.name
        for path in (ROOT / "backend/repositories").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and "owner_id" in _arguments(node) and _sends(node)
    }


def _arguments(node: ast.ClassDef) -> set[str]:
    """The names that its making takes."""
    return {
        argument.arg
        for each in node.body
        if isinstance(each, ast.FunctionDef) and each.name == "__init__"
        for argument in each.args.args
    }


def _sends(node: ast.ClassDef) -> bool:
    """Whether it sends statements itself."""
    return any(
        isinstance(each, ast.Attribute) and each.attr in ("execute", "scalar", "scalars")
        for each in ast.walk(node)
    )
