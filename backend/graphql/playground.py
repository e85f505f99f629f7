"""The page that a browser gets at the GraphQL address: GraphiQL, from our own files.

The page names only files under the static folder and holds no script and no style of its own, so it
works without internet and under ``script-src 'self'; style-src 'self'``. ``playground/`` at the
project's root builds the files.
"""

import hashlib
import html
import json
from functools import cache
from pathlib import Path
from string import Template

STATIC_FOLDER = Path(__file__).parent.parent / "static"
"""Served as it is, at the path that ``render_playground`` is given."""

EXAMPLE_FOLDER = Path(__file__).parent / "examples"
EXAMPLE_NAMES = ("create_conversation", "inbox", "context_window")

PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Conversa</title>
<link rel="icon" type="image/svg+xml" href="$favicon">
<link rel="stylesheet" href="$style">
<script type="application/json" id="playground-config">$config</script>
<script src="$script" defer></script>
</head>
<body>
<div id="playground"></div>
<noscript>The playground needs JavaScript. The API at this address does not.</noscript>
</body>
</html>
""")


def render_playground(endpoint_path: str, static_path: str = "/static") -> str:
    """The page as HTML. It sends operations and subscriptions to ``endpoint_path``.

    ``static_path`` is where ``STATIC_FOLDER`` is mounted. Both are paths on this server, as the
    browser sees them.
    """
    tabs = [{"query": query} for query in example_queries()]
    return PAGE.substitute(
        favicon=_asset(static_path, "favicon.svg"),
        style=_asset(static_path, "graphiql.css"),
        script=_asset(static_path, "graphiql.js"),
        config=_json_for_html({"endpoint": endpoint_path, "tabs": tabs}),
    )


@cache
def example_queries() -> tuple[str, ...]:
    """The queries of the tabs of a first visit. In order, they work on an empty database."""
    return tuple((EXAMPLE_FOLDER / f"{name}.graphql").read_text("utf-8") for name in EXAMPLE_NAMES)


def _asset(static_path: str, name: str) -> str:
    """The address of a file, which changes with its content, so that browsers may keep it."""
    return html.escape(f"{static_path}/playground/{name}?v={_digest(name)}")


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC_FOLDER / "playground" / name).read_bytes()).hexdigest()[:12]


def _json_for_html(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
