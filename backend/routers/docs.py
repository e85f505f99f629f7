"""The page that shows the OpenAPI document: Swagger UI, from our own files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from string import Template

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from backend.security.pages import PAGE_HEADERS

FOLDER = Path(__file__).parent.parent / "static" / "swagger"
router = APIRouter(include_in_schema=False)

# No script and no style of its own, so that it works under a strict content security policy.
PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conversa REST API</title>
<link rel="icon" type="image/png" href="$favicon">
<link rel="stylesheet" href="$style">
<script src="$bundle" defer></script>
<script src="$start" defer></script>
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript. The document it shows is at /openapi.json.</noscript>
</body>
</html>
""")


@router.get("/docs")
async def show_docs() -> HTMLResponse:
    """The page."""
    return HTMLResponse(page(), headers=PAGE_HEADERS)


@cache
def page() -> str:
    """The page as HTML; each file's address changes with its content."""
    return PAGE.substitute(
        favicon=_asset("favicon-32x32.png"),
        style=_asset("swagger-ui.css"),
        bundle=_asset("swagger-ui-bundle.js"),
        start=_asset("start.js"),
    )


def _asset(name: str) -> str:
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"/static/swagger/{name}?v={digest}"
