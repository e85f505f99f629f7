"""conversations and messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.types import Id, SortKey, Timestamp

# One line a column is easier to read and to compare than one line a word.
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
        sa.UniqueConstraint("name", name=op.f("uq_owners_name")),
    )
    op.create_table(
        "conversation_tombstones",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("owner_revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["owners.id"],
            name=op.f("fk_conversation_tombstones_owners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "owner_id", "conversation_id", name=op.f("pk_conversation_tombstones")
        ),
    )
    op.create_index(
        "ix_conversation_tombstones_feed",
        "conversation_tombstones",
        ["owner_id", "owner_revision", "conversation_id"],
        unique=False,
    )

    # While a table is new PostgreSQL takes an owner to have one row, and every index that leads
    # with the owner to be as good as the primary key; of equals it takes the newest. Were that
    # another, each message stored would be checked by walking all of its owner's conversations.
    key_last = op.get_context().dialect.name == "postgresql"
    key = ["owner_id", "id"]
    op.create_table(
        "conversations",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", SortKey, nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("last_message_at", Timestamp(), nullable=True),
        sa.Column("last_activity_at", Timestamp(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("own_revision", sa.BigInteger(), nullable=False),
        sa.Column("owner_revision", sa.BigInteger(), nullable=False),
        sa.Column("source_format", sa.String(length=32), nullable=True),
        sa.Column("source_external_id", sa.Text(), nullable=True),
        sa.Column("source_digest", sa.String(length=64), nullable=True),
        sa.Column("forked_from_id", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_conversations_owners"), ondelete="CASCADE"
        ),
        *([] if key_last else [sa.PrimaryKeyConstraint(*key, name=op.f("pk_conversations"))]),
    )
    op.create_index(
        "ix_conversations_activity",
        "conversations",
        ["owner_id", "last_activity_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_created", "conversations", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_conversations_feed", "conversations", ["owner_id", "owner_revision", "id"], unique=False
    )
    op.create_index(
        "ix_conversations_listed",
        "conversations",
        ["owner_id", "archived", "last_activity_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_title", "conversations", ["owner_id", "title_key", "id"], unique=False
    )
    op.create_index(
        "uq_conversations_source",
        "conversations",
        ["owner_id", "source_format", "source_external_id"],
        unique=True,
    )
    if key_last:
        op.create_primary_key(op.f("pk_conversations"), "conversations", key)

    op.create_table(
        "conversation_tags",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            name=op.f("fk_conversation_tags_conversations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "owner_id", "conversation_id", "tag", name=op.f("pk_conversation_tags")
        ),
    )
    op.create_index(
        "ix_conversation_tags_tag",
        "conversation_tags",
        ["tag", "owner_id", "conversation_id"],
        unique=False,
    )

    op.create_table(
        "message_tombstones",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("added_revision", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            name=op.f("fk_message_tombstones_conversations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "message_id", name=op.f("pk_message_tombstones")),
    )
    op.create_index(
        "ix_message_tombstones_changed",
        "message_tombstones",
        ["conversation_id", "owner_id", "revision"],
        unique=False,
    )

    op.create_table(
        "messages",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("parent_id", Id, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("parts_json", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("edited_at", Timestamp(), nullable=True),
        sa.Column("added_revision", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_messages_not_its_own_parent")),
        sa.CheckConstraint("position >= 1", name=op.f("ck_messages_position_from_one")),
        sa.ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            name=op.f("fk_messages_conversations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "parent_id"],
            ["messages.owner_id", "messages.id"],
            name=op.f("fk_messages_messages"),
        ),
        sa.PrimaryKeyConstraint("owner_id", "id", name=op.f("pk_messages")),
    )
    op.create_index(
        "ix_messages_changed",
        "messages",
        ["conversation_id", "owner_id", "revision"],
        unique=False,
        sqlite_where=sa.text("revision > added_revision"),
        postgresql_where=sa.text("revision > added_revision"),
    )
    op.create_index(
        "ix_messages_siblings",
        "messages",
        ["parent_id", "owner_id", "conversation_id", "added_revision"],
        unique=False,
    )
    op.create_index(
        "uq_messages_active_position",
        "messages",
        ["conversation_id", "owner_id", "position"],
        unique=True,
        sqlite_where=sa.text("active = 1"),
        postgresql_where=sa.text("active"),
    )
    op.create_index(
        "uq_messages_added",
        "messages",
        ["conversation_id", "owner_id", "added_revision"],
        unique=True,
    )

    op.create_table(
        "message_feedback",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("tags_json", sa.Text(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "message_id"],
            ["messages.owner_id", "messages.id"],
            name=op.f("fk_message_feedback_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "message_id", name=op.f("pk_message_feedback")),
    )
    op.create_table(
        "message_versions",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("parts_json", sa.Text(), nullable=True),
        sa.Column("replaced_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "message_id"],
            ["messages.owner_id", "messages.id"],
            name=op.f("fk_message_versions_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "owner_id", "message_id", "number", name=op.f("pk_message_versions")
        ),
    )


def downgrade() -> None:
    for table in (
        "message_versions",
        "message_feedback",
        "messages",
        "message_tombstones",
        "conversation_tags",
        "conversations",
        "conversation_tombstones",
        "owners",
    ):
        op.drop_table(table)
