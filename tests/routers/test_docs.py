"""The page with the REST documentation needs nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re

from backend.routers.docs import FOLDER
from tests.routers.support import Client


async def test_the_page_names_only_files_that_are_served_here(client: Client) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(addresses) == 4
    for address in addresses:
        assert address.startswith("/static/swagger/")
        assert (await client.get(address)).status_code == 200


async def test_the_page_holds_no_script_and_no_style_of_its_own(client: Client) -> None:
    text = (await client.get("/docs")).text
    assert re.findall(r"<script[^>]*>(.+?)</script>|<style|style=|\son\w+=", text) == []


async def test_the_page_may_load_nothing_else(client: Client) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_files_are_the_published_ones() -> None:
    listed = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    assert set(listed) >= {"swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"}
    for name, digest in listed.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_nothing_is_sent_to_a_validator_elsewhere() -> None:
    assert "validatorUrl: null" in (FOLDER / "start.js").read_text("utf-8")
