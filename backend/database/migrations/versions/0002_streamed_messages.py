"""streamed messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.types import Id, Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_chunks",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("bytes_end", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("appended_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "message_id"],
            ["messages.owner_id", "messages.id"],
            name=op.f("fk_message_chunks_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "message_id", "start", name=op.f("pk_message_chunks")),
    )
    op.create_index(
        "ix_message_chunks_changed",
        "message_chunks",
        ["conversation_id", "owner_id", "revision"],
        unique=False,
    )

    op.create_index(
        "ix_messages_streaming",
        "messages",
        ["owner_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'streaming'"),
        postgresql_where=sa.text("status = 'streaming'"),
    )


def downgrade() -> None:
    op.drop_index("ix_messages_streaming", "messages")
    op.drop_table("message_chunks")
