"""Modules that are loaded when something of them is first used.

What a server of one setting never uses (Alembic where the tables are up to date, Redis, the keys of
token issuers) takes half a second of its start and 27 MB of its memory. Imports stay at the top of
their files, where they are seen:

    if TYPE_CHECKING:
        from alembic import command
    else:
        command = Lazy("alembic.command")
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class Lazy:
    """Stands for a module, and has whatever it has."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = import_module(self._name)
        return getattr(self._module, attribute)
