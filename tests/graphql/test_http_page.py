"""The playground's page over HTTP, its files, and who gets them."""

from pathlib import Path
from typing import Any

import pytest

from tests.graphql.edge_support import client_of, edge_app

BROWSER = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "sec-fetch-site": "cross-site",  # somebody followed a link
    "sec-fetch-mode": "navigate",
}
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
}


async def test_a_browser_gets_the_page(tmp_path: Path) -> None:
    async with client_of(edge_app(tmp_path)) as client:
        answer = await client.get("/graphql", headers=BROWSER)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<!doctype html>" in answer.text
        assert (await client.head("/graphql", headers=BROWSER)).content == b""


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.1, */*"])
async def test_others_do_not(tmp_path: Path, accept: str) -> None:
    async with client_of(edge_app(tmp_path)) as client:
        answer = await client.get("/graphql", headers={"accept": accept})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_browser_that_names_a_query_gets_its_answer(tmp_path: Path) -> None:
    headers = {**BROWSER, "sec-fetch-site": "none"}
    async with client_of(edge_app(tmp_path)) as client:
        answer = await client.get("/graphql", params={"query": "{ hello }"}, headers=headers)
        assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize("settings", [{"playground": False}, {"profile": "production"}])
async def test_the_page_can_be_switched_off(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with client_of(edge_app(tmp_path, **settings)) as client:
        answer = await client.get("/graphql", headers={**BROWSER, "sec-fetch-site": "none"})
        assert answer.status_code == 400
        only_html = {"accept": "text/html", "sec-fetch-site": "none"}
        answer = await client.get("/graphql?query={hello}", headers=only_html)
        assert answer.status_code == 406


async def test_files_keep_for_ever_at_an_address_that_changes(tmp_path: Path) -> None:
    async with client_of(edge_app(tmp_path)) as client:
        page = await client.get("/graphql", headers=BROWSER)
        [script] = [part for part in page.text.split('"') if "graphiql.js?v=" in part]
        versioned = await client.get(script)
        assert versioned.status_code == 200
        assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert versioned.headers["content-type"].startswith("text/javascript")
        plain = await client.get(script.partition("?")[0])
        assert plain.headers["cache-control"] == "no-cache"
        assert plain.headers["x-content-type-options"] == "nosniff"
