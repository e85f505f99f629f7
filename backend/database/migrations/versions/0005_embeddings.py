"""embeddings: models, vectors of chunks, and which chunks wait for one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.types import Serial, Timestamp

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "embedding_models",
        sa.Column("id", Serial, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("centre", sa.LargeBinary(), nullable=False),
        sa.Column("serving", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding_models")),
        sa.UniqueConstraint("name", name=op.f("uq_embedding_models_name")),
    )
    op.create_table(
        "chunk_vectors",
        sa.Column("id", Serial, sa.Identity(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["embedding_models.id"], name=op.f("fk_chunk_vectors_embedding_models")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            name=op.f("fk_chunk_vectors_search_chunks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk_vectors")),
        # A number that is given again would be one that readers believe to have seen.
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_chunk_vectors_chunk",
        "chunk_vectors",
        ["owner_id", "number", "model_id"],
        unique=True,
    )
    op.create_index(
        "ix_chunk_vectors_text_hash", "chunk_vectors", ["owner_id", "model_id", "text_hash"]
    )
    op.create_index("ix_chunk_vectors_id", "chunk_vectors", ["owner_id", "model_id", "id"])
    op.create_table(
        "embedding_queue",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", Timestamp(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["embedding_models.id"], name=op.f("fk_embedding_queue_embedding_models")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            name=op.f("fk_embedding_queue_search_chunks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "number", "model_id", name=op.f("pk_embedding_queue")),
    )
    op.create_index(
        "ix_embedding_queue_due_at",
        "embedding_queue",
        ["model_id", "due_at", "owner_id", "number"],
    )
    if op.get_bind().dialect.name == "postgresql":
        # Floats do not compress; trying to is what the largest vectors would cost most.
        op.execute("ALTER TABLE chunk_vectors ALTER COLUMN vector SET STORAGE EXTERNAL")


def downgrade() -> None:
    for name in ("embedding_queue", "chunk_vectors", "embedding_models"):
        op.drop_table(name)
