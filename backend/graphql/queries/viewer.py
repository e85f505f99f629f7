"""Reading who is asking."""

from datetime import UTC, datetime, timedelta

import strawberry

from backend.graphql.context import Info
from backend.graphql.fields import resolved
from backend.graphql.types.viewer import RateLimit, Viewer
from backend.security.viewer import Viewer as KnownViewer


def this_viewer(info: Info) -> KnownViewer:
    """The one on whose behalf the operation runs."""
    return info.context.viewer


async def rate_limit(info: Info) -> RateLimit | None:
    """How the viewer's bucket stands; None where there is none."""
    context = info.context
    verdict = await context.caller.meter.of_owner(context.viewer.owner_id)
    if verdict is None:
        return None
    return RateLimit(
        limit=verdict.limit,
        cost=context.caller.cost or 0,
        remaining=verdict.remaining,
        reset_at=datetime.now(UTC) + timedelta(seconds=verdict.reset_after),
    )


@strawberry.type
class ViewerQueries:
    viewer: Viewer = resolved(this_viewer, "Who is asking.")
    rate_limit: RateLimit | None = resolved(
        rate_limit, "What may still be asked for; null where nothing is limited."
    )
