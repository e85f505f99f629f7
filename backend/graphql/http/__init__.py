"""GraphQL over HTTP."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route
from strawberry import Schema

from backend.config import Settings
from backend.graphql.http.edge import PATH, GraphQLEdge
from backend.graphql.http.page import Assets
from backend.graphql.playground import STATIC_FOLDER
from backend.graphql.schema import schema
from backend.services.container import Services

__all__ = ["PATH", "Assets", "GraphQLEdge", "install"]


def install(
    app: Starlette, services: Services, settings: Settings, schema: Schema = schema
) -> GraphQLEdge:
    """Adds GraphQL and the playground's files to an application.

    It goes before every other route: it is asked for most, and routes are tried in their order.
    """
    edge = GraphQLEdge(services, settings, schema)
    app.router.routes.insert(0, Route(PATH, edge, include_in_schema=False))
    app.mount("/static", Assets(directory=STATIC_FOLDER), name="static")
    return edge
