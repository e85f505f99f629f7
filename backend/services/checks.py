"""Whether what is stored is in itself consistent: trees, counters, references, the index."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from backend.repositories.checks import CHECKS, CheckRepository, Fault
from backend.repositories.store import Store
from backend.services import index_checks, vector_checks

DATABASE = "what the database checks by itself"


class CheckService:
    """Checks everything of every owner; changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def names(self) -> list[str]:
        """What is checked, in order."""
        return [DATABASE, *CHECKS, index_checks.NAME, vector_checks.NAME]

    async def problems(
        self, on_check: Callable[[str], None] | None = None
    ) -> AsyncGenerator[str, None]:
        """One line for each problem, with the ids of what it is about, as they are found.

        ``on_check`` is told the name of each check as it begins.
        """
        database = self._store.database
        _tell(on_check, DATABASE)
        async with database.read(long=True) as connection:
            for problem in await CheckRepository(connection).damage():
                yield problem
        for name, statement in CHECKS.items():
            _tell(on_check, name)
            async with (
                database.snapshot(long=True) as connection,
                aclosing(CheckRepository(connection).faults(statement)) as faults,
            ):
                async for fault in faults:
                    yield f"{_place(fault)}: {name}"
        _tell(on_check, index_checks.NAME)
        async with aclosing(index_checks.index_problems(self._store)) as problems:
            async for problem in problems:
                yield problem
        _tell(on_check, vector_checks.NAME)
        async with aclosing(vector_checks.vector_problems(self._store)) as problems:
            async for problem in problems:
                yield problem


def _tell(on_check: Callable[[str], None] | None, name: str) -> None:
    if on_check is not None:
        on_check(name)


def _place(fault: Fault) -> str:
    named = {
        "owner": fault.owner,
        "conversation": fault.conversation_id,
        "message": fault.message_id,
    }
    return ", ".join(f"{what} {name}" for what, name in named.items() if name is not None)
