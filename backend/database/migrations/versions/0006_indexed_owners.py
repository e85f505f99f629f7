"""owners of whom everything is indexed

Those who are here may have messages from before there was an index; they are looked through once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "owners", sa.Column("is_indexed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("owners", "is_indexed")
