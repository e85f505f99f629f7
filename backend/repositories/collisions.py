"""Two writes that take the same id at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from backend.errors import Conflict


class Collision(Conflict):
    """Another write stored a row under the same id after this one had looked for it in vain."""


@contextmanager
def collisions(key: str, message: str) -> Iterator[None]:
    """Raises Collision where a primary key, given by its name, refuses what is stored inside.

    It happens on PostgreSQL alone: SQLite's writers take turns from their first look on.
    """
    try:
        yield
    except IntegrityError as error:
        if key not in str(error.orig):
            raise
        raise Collision(message, field=("id",)) from error
