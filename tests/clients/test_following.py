"""Clients from npm ask, change and follow; each event comes once though lines are cut.

They are connected by the very text of docs/subscriptions.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import CLIENTS, RunNode, Serve
from tests.support.markdown import blocks

DOCUMENT = "docs/subscriptions.md"
CUTS = 2


@pytest.fixture(scope="session")
def modules() -> Iterator[Path]:
    """The modules that the documentation shows, where they find their packages."""
    # One of this run's own: another run's end must not take it away.
    with tempfile.TemporaryDirectory(prefix=".shown-", dir=CLIENTS / "node_modules") as made:
        folder = Path(made)
        (folder / "package.json").write_text('{"type": "module"}')
        for block in blocks(DOCUMENT):
            if block.language == "js":
                name = block.text.splitlines()[0].removeprefix("// ")
                assert name.endswith(".js"), f"{DOCUMENT}:{block.line} begins with no name"
                (folder / name).write_text(block.text)
        yield folder


CLIENTS_SHOWN = ("graphql-ws", "graphql-sse", "apollo", "apollo-multipart", "urql")


def test_every_module_shown_is_run(modules: Path) -> None:
    shown = {path.stem for path in modules.glob("*.js")}
    assert shown == {*CLIENTS_SHOWN, "resuming"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CLIENTS_SHOWN)
def test_it_hears_everything_once(
    serve: Serve, run_node: RunNode, modules: Path, name: str
) -> None:
    told = run_node("follow.mjs", name, str(modules), serve())
    assert told["title"] == "Tea"
    assert "Cannot query field" in told["error"]
    assert told["cut"] == CUTS
    assert told["heard"] == told["sent"]
    assert len(told["sent"]) == len(set(told["sent"])) > CUTS
