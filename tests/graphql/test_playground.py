"""The playground page and its files: complete, our own, with examples that the schema accepts."""

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

from backend.graphql.playground import (
    EXAMPLE_NAMES,
    STATIC_FOLDER,
    example_queries,
    render_playground,
)

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"


class Page(HTMLParser):
    """What a page loads, what it runs by itself, and the texts of its elements by tag."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        self.texts.setdefault(attributes.get("id") or tag, data)

    @property
    def config(self) -> dict[str, object]:
        config: dict[str, object] = json.loads(self.texts["playground-config"])
        return config


def test_the_page_loads_only_files_that_exist_here() -> None:
    page = Page(render_playground("/graphql", "/assets"))
    assert len(page.addresses) == 3
    for address in map(urlsplit, page.addresses):
        assert not address.scheme
        assert not address.netloc
        assert address.path.startswith("/assets/")
        assert (STATIC_FOLDER / address.path.removeprefix("/assets/")).is_file()


def test_an_address_changes_with_the_file() -> None:
    script = next(a for a in Page(render_playground("/graphql")).addresses if ".js" in a)
    content = (STATIC_FOLDER / "playground" / "graphiql.js").read_bytes()
    assert script.endswith(f"?v={hashlib.sha256(content).hexdigest()[:12]}")


def test_the_page_runs_nothing_of_its_own() -> None:
    page = Page(render_playground("/graphql"))
    inline = [attrs for tag, attrs in page.elements if tag == "script" and "src" not in attrs]
    assert inline == [{"type": "application/json", "id": "playground-config"}]
    assert page.handlers == []
    assert "style" not in {tag for tag, _ in page.elements}


def test_the_page_tells_the_script_where_and_with_what_to_start() -> None:
    page = Page(render_playground("/api/graphql"))
    assert page.texts["title"] == "Conversa"
    assert page.config == {
        "endpoint": "/api/graphql",
        "tabs": [{"query": query} for query in example_queries()],
    }


def test_a_path_cannot_end_the_config() -> None:
    hostile = '/x"</script><script src="/evil.js"></script><!--'
    page = Page(render_playground(hostile))
    assert page.config["endpoint"] == hostile
    assert len(page.addresses) == 3


def test_a_static_path_cannot_end_an_attribute() -> None:
    page = Page(render_playground("/graphql", '"><script src="/evil.js">'))
    assert [tag for tag, _ in page.elements].count("script") == 2


@pytest.mark.parametrize("query", example_queries(), ids=EXAMPLE_NAMES)
def test_an_example_fits_the_schema(query: str) -> None:
    schema = build_schema(SCHEMA_FILE.read_text("utf-8"))
    document = parse(query)
    assert validate(schema, document) == []
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name  # the title of its tab


def test_the_first_tab_writes_and_the_others_read() -> None:
    operations = [parse(query).definitions[0] for query in example_queries()]
    kinds = [operation.to_dict()["operation"] for operation in operations]
    assert kinds == ["mutation", "query", "query"]


def test_the_built_files_are_those_that_were_recorded() -> None:
    folder = STATIC_FOLDER / "playground"
    lines = (folder / "SHA256SUMS").read_text("ascii").splitlines()
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(recorded) == {"graphiql.js", "graphiql.css", "LICENSES.txt"}
    for name, digest in recorded.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_style_sheet_fetches_nothing() -> None:
    css = (STATIC_FOLDER / "playground" / "graphiql.css").read_text("utf-8")
    assert "@import" not in css
    assert "url(http" not in css
    assert "url(//" not in css
