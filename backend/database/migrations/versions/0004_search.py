"""search: an inverted index over messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.types import Id, Serial, SortKey

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_indexes",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        sa.Column("flushed_number", sa.BigInteger(), nullable=False),
        sa.Column("analysis", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_search_indexes_owners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_search_indexes")),
    )
    op.create_table(
        "search_chunks",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start_offset", sa.Integer(), nullable=False),
        sa.Column("end_offset", sa.Integer(), nullable=False),
        sa.Column("term_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "message_id"],
            ["messages.owner_id", "messages.id"],
            name=op.f("fk_search_chunks_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "number", name=op.f("pk_search_chunks")),
    )
    op.create_index(
        "uq_search_chunks_message",
        "search_chunks",
        ["message_id", "owner_id", "ordinal"],
        unique=True,
    )
    op.create_table(
        "search_pending",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            name=op.f("fk_search_pending_search_chunks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "number", name=op.f("pk_search_pending")),
    )
    op.create_table(
        "search_segments",
        sa.Column("id", Serial, sa.Identity(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_search_segments_owners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_segments")),
    )
    op.create_index(
        "ix_search_segments_owner_id",
        "search_segments",
        ["owner_id", "ready", "first_number"],
        unique=False,
    )
    op.create_table(
        "search_postings",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("term", SortKey, nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["search_segments.id"],
            name=op.f("fk_search_postings_search_segments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "segment_id", "term", "first_number", name=op.f("pk_search_postings")
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Trying to compress what does not compress costs more than the rest of a flush.
        op.execute("ALTER TABLE search_postings ALTER COLUMN data SET STORAGE PLAIN")


def downgrade() -> None:
    for name in ("postings", "segments", "pending", "chunks", "indexes"):
        op.drop_table(f"search_{name}")
