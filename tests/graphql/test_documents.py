"""Trusted and registered documents: their manifests, their ids, and what is refused."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.errors import ConfigurationError
from backend.graphql import documents
from backend.graphql.documents import Documents, load_manifest, open_documents
from backend.graphql.parameters import Malformed, Parameters
from tests.graphql.edge_support import client_of, codes, edge_app

HELLO = "query Hello { hello }"
OWNER = "query Owner { owner }"
WRITE = 'mutation Write { write(text: "x") }'


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


RELAY = {"0123456789abcdef0123456789abcdef": HELLO}
CODEGEN = {hashlib.sha1(HELLO.encode(), usedforsecurity=False).hexdigest(): HELLO}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": sha256(HELLO), "name": "Hello", "type": "query", "body": HELLO}],
}


def write(tmp_path: Path, content: object) -> str:
    path = tmp_path / "documents.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@asynccontextmanager
async def client(
    tmp_path: Path, manifest: object = None, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    named: dict[str, Any] = {"trusted_documents": write(tmp_path, manifest)} if manifest else {}
    async with client_of(edge_app(tmp_path, **named, **settings)) as made:
        yield made


@pytest.mark.parametrize(
    ("manifest", "own_id"),
    [(RELAY, next(iter(RELAY))), (CODEGEN, next(iter(CODEGEN))), (APOLLO, sha256(HELLO))],
)
async def test_a_document_is_found_by_its_ids(
    tmp_path: Path, manifest: object, own_id: str
) -> None:
    async with client(tmp_path, manifest) as http:
        for document_id in (own_id, f"sha256:{sha256(HELLO)}"):
            by_post = await http.post("/graphql", json={"documentId": document_id})
            by_get = await http.get("/graphql", params={"documentId": document_id})
            assert by_post.json() == by_get.json() == {"data": {"hello": "hello world"}}


async def test_apollos_manifest_answers_apollos_requests(tmp_path: Path) -> None:
    async with client(tmp_path, APOLLO, documents="locked") as http:
        named: dict[str, Any] = {"persistedQuery": {"version": 1, "sha256Hash": sha256(HELLO)}}
        answer = await http.post("/graphql", json={"extensions": named})
        assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "request_",
    [
        {"documentId": "unknown"},
        {"documentId": f"sha256:{sha256(OWNER)}"},
        {"documentId": ""},
    ],
)
async def test_an_unknown_document(tmp_path: Path, request_: dict[str, str]) -> None:
    async with client(tmp_path, RELAY) as http:
        assert codes(await http.post("/graphql", json=request_)) == ["DOCUMENT_NOT_FOUND"]


async def test_locked_takes_nothing_else(tmp_path: Path) -> None:
    async with client(tmp_path, {**RELAY, "w": WRITE}, documents="locked") as http:
        refused: list[dict[str, Any]] = [
            {"query": OWNER},
            {"query": HELLO + " "},
            {"query": "{"},
            {"query": OWNER, "extensions": persisted(OWNER)},
            {"extensions": persisted(OWNER)},
        ]
        for request_ in refused:
            answer = await http.post("/graphql", json=request_)
            assert codes(answer) == ["DOCUMENT_NOT_TRUSTED"]
        assert (await http.get("/graphql", params={"query": OWNER})).json().keys() == {"errors"}
        # The very text of a trusted document is that document.
        answer = await http.post("/graphql", json={"query": HELLO})
        assert answer.json() == {"data": {"hello": "hello world"}}


async def test_a_trusted_mutation_is_not_sent_by_get(tmp_path: Path) -> None:
    async with client(tmp_path, {"w": WRITE}) as http:
        answer = await http.get("/graphql", params={"documentId": "w"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def persisted(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(query)}}


async def test_automatic_persisted_queries(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        named: dict[str, Any] = {"extensions": persisted(HELLO)}
        first = await http.post("/graphql", json=named)
        assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        assert codes(first) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert first.headers["cache-control"] == "no-store"
        registered = await http.post("/graphql", json={"query": HELLO, **named})
        assert registered.json() == {"data": {"hello": "hello world"}}
        again = await http.get("/graphql", params={"extensions": json.dumps(persisted(HELLO))})
        assert again.json() == {"data": {"hello": "hello world"}}
        by_id = await http.post("/graphql", json={"documentId": f"sha256:{sha256(HELLO)}"})
        assert by_id.json() == {"data": {"hello": "hello world"}}


async def test_a_digest_must_be_that_of_the_query(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        answer = await http.post("/graphql", json={"query": OWNER, "extensions": persisted(HELLO)})
        assert codes(answer) == ["PERSISTED_QUERY_HASH_MISMATCH"]
        answer = await http.post("/graphql", json={"extensions": persisted(HELLO)})
        assert codes(answer) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_what_is_not_valid_is_not_registered(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        wrong = "{ nothing }"
        answer = await http.post("/graphql", json={"query": wrong, "extensions": persisted(wrong)})
        assert codes(answer) == ["GRAPHQL_VALIDATION_FAILED"]
        answer = await http.post("/graphql", json={"extensions": persisted(wrong)})
        assert codes(answer) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "request_",
    [
        {"query": HELLO, "documentId": "0"},
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 63}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
    ],
)
async def test_what_names_no_document(tmp_path: Path, request_: dict[str, Any]) -> None:
    async with client(tmp_path) as http:
        answer = await http.post("/graphql", json=request_)
        assert answer.status_code == 400
        assert codes(answer) == ["BAD_REQUEST"]


def register(found: Documents, query: str) -> None:
    parameters = Parameters(query=query, extensions=persisted(query))
    assert found.text_of(parameters) == query
    found.register(parameters)


def test_few_documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_REGISTERED", 3)
    monkeypatch.setattr(documents, "MAX_REGISTERED_CHARACTERS", 100)
    found = Documents()
    for number in range(10):
        register(found, f"{{ a{number} }}")
        # It is asked for each time, and so never the one unused for longest.
        assert found.text_of(Parameters(extensions=persisted("{ a0 }"))) == "{ a0 }"
    assert found.registered == 3
    register(found, "{ b }" + " " * 85)
    assert found.registered == 2
    register(found, "{ c }" + " " * 200)
    assert found.registered == 0


def test_nothing_named_is_malformed() -> None:
    with pytest.raises(Malformed):
        Documents().text_of(Parameters())


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "5", '{"a": 1}', '["a"]', '{"format": "apollo-persisted-query-manifest"}',
     '{"format": "apollo-persisted-query-manifest", "operations": [{"id": "a"}]}'],
)  # fmt: skip
def test_a_file_that_is_no_manifest(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^CONVERSA_TRUSTED_DOCUMENTS: "):
        load_manifest(Path(write(tmp_path, content)))


def test_settings_that_cannot_be_met(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"CONVERSA_TRUSTED_DOCUMENTS: .* cannot be read"):
        open_documents(str(tmp_path / "nowhere.json"), locked=False)
    with pytest.raises(ConfigurationError, match="CONVERSA_DOCUMENTS: locked needs"):
        open_documents("", locked=True)
