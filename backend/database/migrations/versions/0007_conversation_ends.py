"""where conversations end, found under their locks

On PostgreSQL a statement sees what was committed when it began. Of a conversation it had to wait
for that is another end than the one it has by then. Within a function each statement begins anew.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CONVERSATION_ENDS = """
CREATE FUNCTION conversation_ends(of_owner bigint, ids uuid[])
RETURNS TABLE (
  id uuid, revision bigint, message_count integer, last_message_at timestamptz, last_id uuid
)
LANGUAGE plpgsql VOLATILE ROWS 10 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  PERFORM 1 FROM conversations c WHERE c.owner_id = of_owner AND c.id = ANY(ids)
  ORDER BY c.id FOR UPDATE;
  RETURN QUERY
  SELECT c.id, c.revision, c.message_count, c.last_message_at, m.id
  FROM conversations c
  LEFT JOIN messages m ON m.owner_id = c.owner_id AND m.conversation_id = c.id
    AND m.active AND m.position = c.message_count
  WHERE c.owner_id = of_owner AND c.id = ANY(ids);
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CONVERSATION_ENDS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION conversation_ends(bigint, uuid[])")
