"""where conversations end, found by the one index that leads there

Until PostgreSQL has looked at what tables hold, the indexes that begin with the conversation cost
the same in its eyes, and by the wrong one an append reads the whole conversation. Only one of them
has the messages in the order asked for here.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JOINED = """
  SELECT c.id, c.revision, c.message_count, c.last_message_at, m.id
  FROM conversations c
  LEFT JOIN messages m ON m.owner_id = c.owner_id AND m.conversation_id = c.id
    AND m.active AND m.position = c.message_count
"""
IN_ORDER = """
  SELECT c.id, c.revision, c.message_count, c.last_message_at, (
    SELECT m.id FROM messages m
    WHERE m.owner_id = of_owner AND m.conversation_id = c.id
      AND m.active AND m.position >= c.message_count
    ORDER BY m.position LIMIT 1
  )
  FROM conversations c
"""
CONVERSATION_ENDS = """
CREATE OR REPLACE FUNCTION conversation_ends(of_owner bigint, ids uuid[])
RETURNS TABLE (
  id uuid, revision bigint, message_count integer, last_message_at timestamptz, last_id uuid
)
LANGUAGE plpgsql VOLATILE ROWS 10 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  PERFORM 1 FROM conversations c WHERE c.owner_id = of_owner AND c.id = ANY(ids)
  ORDER BY c.id FOR UPDATE;
  RETURN QUERY {found} WHERE c.owner_id = of_owner AND c.id = ANY(ids);
END $$
"""


def upgrade() -> None:
    _replace(IN_ORDER)


def downgrade() -> None:
    _replace(JOINED)


def _replace(found: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CONVERSATION_ENDS.replace("{found}", found))
