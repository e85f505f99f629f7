"""Who is asking, and what he has left."""

from datetime import datetime

import strawberry

from backend.graphql.fields import leaf


@strawberry.type(description="Who is asking.")
class Viewer:
    owner_id: strawberry.ID = leaf("Whose chats are seen.")
    name: str = leaf("What he is called.")
    scopes: list[str] = leaf("What he may do: read, write, admin; each includes those before it.")


@strawberry.type(description="What may still be asked for: cost points, which come back with time.")
class RateLimit:
    limit: int = leaf("The most points at once.")
    cost: int = leaf("The points this operation took.")
    remaining: int = leaf("The points that are left.")
    reset_at: datetime = leaf("When all of them are back.")
