"""The models that vectors are of; they belong to the server, not to an owner."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import EmbeddingModel
from backend.repositories.prepared import Prepared
from backend.repositories.rows import records


class ModelRecord(NamedTuple):
    """A model as it is stored; the fields are those of ``models.embeddings.EmbeddingModel``."""

    id: int
    name: str
    dimensions: int
    source: str
    centre: bytes
    serving: bool
    wanted: bool


_COLUMNS = tuple(getattr(EmbeddingModel, name) for name in ModelRecord._fields)
_LIST = Prepared(select(*_COLUMNS).order_by(EmbeddingModel.id))
_INSERT = text(
    "INSERT INTO embedding_models (name, dimensions, source, centre, serving, wanted)"
    " VALUES (:name, :dimensions, :source, :centre, :serving, :wanted) ON CONFLICT DO NOTHING"
)


async def list_models(connection: AsyncConnection) -> list[ModelRecord]:
    """Every model there ever was, oldest first."""
    return await records(connection, ModelRecord, _COLUMNS, _LIST, {})


async def insert_model(connection: AsyncConnection, model: ModelRecord) -> None:
    """Stores a model, under a new id; does nothing where there is one of that name."""
    await connection.execute(_INSERT, model._asdict())


async def update_model(connection: AsyncConnection, model_id: int, **values: Any) -> None:
    """Changes columns of one model."""
    chosen = update(EmbeddingModel).where(EmbeddingModel.id == model_id)
    await connection.execute(chosen.values(**values))


async def lock_model(connection: AsyncConnection, model_id: int) -> None:
    """Makes others who do the same wait until the commit. Nobody else waits."""
    chosen = select(EmbeddingModel.id).where(EmbeddingModel.id == model_id)
    await connection.execute(chosen.with_for_update(key_share=True))
