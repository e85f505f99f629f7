"""The OpenAPI document is complete; that it is true, the client of all these tests checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from backend.formats.reader import FORMATS as READ_FORMATS
from backend.routers import rest
from backend.routers.parameters import Role
from backend.routers.problems import KINDS
from backend.routers.transfer import ExportFormat, ImportFormat
from backend.services.drafts import ROLES
from backend.services.exports import FORMATS as WRITTEN_FORMATS
from tests.routers.support import Client, Json

ROOT = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
async def document(client: Client) -> Json:
    return await client.read("/openapi.json")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield path, method, operation


async def test_every_route_is_in_the_document(document: Json) -> None:
    listed = {(path, method.upper()) for path, method, _ in operations(document)}
    routes = {
        (route.path, method)
        for router in rest.ROUTERS
        for route in router.routes
        for method in route.methods
        if route.include_in_schema
    }
    assert listed == routes
    assert len(routes) >= 20


async def test_every_operation_says_what_it_is(document: Json) -> None:
    ids = []
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert len(operation["tags"]) == 1
        ids.append(operation["operationId"])
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in document["tags"]}
    assert {operation["tags"][0] for _, _, operation in operations(document)} == tags


async def test_every_failure_is_a_problem_with_an_example(document: Json) -> None:
    for path, method, operation in operations(document):
        if path == "/healthz":
            continue
        assert "500" in operation["responses"], (path, method)
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            [media_type] = response["content"]
            assert media_type == "application/problem+json"
            assert response["content"][media_type]["example"]["status"] == int(status)
        assert "422" not in operation["responses"]


async def test_operations_declare_the_failures_of_what_they_take(document: Json) -> None:
    for path, method, operation in operations(document):
        statuses = operation["responses"].keys()
        if "requestBody" in operation:
            assert statuses >= {"400", "413", "415"}, (path, method)
        if "{" in path:
            assert "404" in statuses, (path, method)
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("412" in statuses) == ("If-Match" in named), (path, method)
        assert ("304" in statuses) == ("If-None-Match" in named), (path, method)


async def test_every_reference_leads_somewhere(document: Json) -> None:
    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert found == {f"#/components/schemas/{name}" for name in schemas}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


async def test_no_parameter_may_be_null(document: Json) -> None:
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert "anyOf" not in parameter["schema"], (path, parameter["name"])


async def test_limits_stand_in_the_schemas(document: Json) -> None:
    schemas = document["components"]["schemas"]
    message = schemas["NewMessage"]["properties"]
    assert {"maxLength": 1048576, "type": "string"}.items() <= first(message["content"]).items()
    assert first(message["parts"])["maxItems"] == 100
    assert first(schemas["NewChat"]["properties"]["title"])["maxLength"] == 300
    tags = first(schemas["NewChat"]["properties"]["tags"])
    assert (tags["maxItems"], tags["items"]["maxLength"]) == (32, 64)
    assert schemas["AddMessages"]["properties"]["messages"]["maxItems"] == 250
    for name in ("NewMessage", "AddMessage", "NewChat", "ChatPatch", "MessagePatch", "Fork"):
        assert schemas[name]["additionalProperties"] is False


def first(schema: Json) -> Json:
    found: Json = schema["anyOf"][0]
    return found


def test_names_are_those_of_the_services() -> None:
    assert get_args(Role) == ROLES
    assert set(get_args(ImportFormat)) == set(READ_FORMATS)
    assert set(get_args(get_args(ExportFormat)[0])) == set(WRITTEN_FORMATS)


async def test_the_guide_names_every_operation_and_every_code(document: Json) -> None:
    guide = (ROOT / "docs" / "rest.md").read_text("utf-8")
    named = set(re.findall(r"^\| `([A-Z]+) (/\S+)` \|", guide, re.MULTILINE))
    assert named == {(method.upper(), path) for path, method, _ in operations(document)}
    codes = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", guide, re.MULTILINE)
    assert {code: int(status) for code, status in codes} == {
        code: kind.status for code, kind in KINDS.items()
    }
