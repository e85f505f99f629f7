"""Who asks, and the services he asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from backend.security.caller import caller_of
from backend.security.viewer import Viewer
from backend.services.container import Services


async def viewer_of(request: Request) -> Viewer:
    """The one on whose behalf this request is answered."""
    return caller_of(request.scope).viewer


async def services_of(request: Request) -> Services:
    """The services of this server."""
    services: Services = request.app.state.services
    return services


RequestViewer = Annotated[Viewer, Depends(viewer_of)]
RequestServices = Annotated[Services, Depends(services_of)]
