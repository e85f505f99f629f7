"""A server over a database of the test's own, spoken to in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from backend.config import Settings
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.routers.support import Client, make_app


@pytest.fixture
def app(settings: Settings, services: Services) -> FastAPI:
    """The application."""
    return make_app(settings, services)


@pytest.fixture
async def client(app: FastAPI, viewer: Viewer) -> AsyncIterator[Client]:
    """What the viewer sees of it."""
    async with Client(app, viewer) as client:
        yield client


@pytest.fixture
async def other_client(app: FastAPI, other_viewer: Viewer) -> AsyncIterator[Client]:
    """What somebody else sees of it."""
    async with Client(app, other_viewer) as client:
        yield client
