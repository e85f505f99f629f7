"""Documents that clients name instead of sending: trusted ones, and those registered on the way.

A trusted document comes from a manifest that was made with the client. Three forms are read: a JSON
object from id to text (Relay's ``persisted_queries.json``, graphql-codegen's
``persisted-documents.json``) and Apollo's operation manifest. Whatever its id, a document is also
known as ``sha256:`` and the hexadecimal digest of its text, the form of the GraphQL-over-HTTP
specification's appendix on persisted documents.

A registered document is one that a client of Apollo's automatic persisted queries sent once with
its digest; of those a bounded number is kept, and none where only trusted documents are taken.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError

from backend.errors import ConfigurationError
from backend.graphql.parameters import Malformed, Parameters

SHA256 = "sha256:"
APOLLO_FORMAT = "apollo-persisted-query-manifest"
MAX_REGISTERED = 1_000
MAX_REGISTERED_CHARACTERS = 4_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Documents:
    """Finds the text of a request. ``locked``: none but the trusted ones is found or taken."""

    def __init__(self, trusted: Mapping[str, str] | None = None, *, locked: bool = False) -> None:
        self._locked = locked
        self._trusted = _by_every_id(trusted or {})
        self._texts = frozenset(self._trusted.values())
        self._registered: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    @property
    def registered(self) -> int:
        """How many documents clients have registered and are kept."""
        return len(self._registered)

    def text_of(self, parameters: Parameters) -> str:
        """The document to execute.

        Raises Malformed where none is named, and GraphQLError where it is unknown or not trusted;
        its code is what Apollo's clients look for to send the text after all.
        """
        query, document_id = parameters.query, parameters.document_id
        if query is not None and document_id is None and not parameters.extensions:
            return self._checked(query, None, None)
        digest = _registered_digest(parameters.extensions)
        if query is not None:
            return self._checked(query, document_id, digest)
        if document_id is not None:
            return self._named(document_id)
        if digest is not None:
            return self._by_digest(digest)
        raise Malformed("There is no query: send one, or the documentId of one.")

    def register(self, parameters: Parameters) -> None:
        """Keeps a document that was sent with its digest, found to agree, and proved valid."""
        digest = _registered_digest(parameters.extensions)
        if digest is None or parameters.query is None or self._locked:
            return
        if digest not in self._registered:
            self._registered[digest] = parameters.query
            self._characters += len(parameters.query)
        self._forget()

    def _checked(self, query: str, document_id: str | None, digest: str | None) -> str:
        if document_id is not None:
            raise Malformed("Send a query or a documentId, not both.")
        if digest is not None and digest != _digest(query):
            raise _refused("The digest is not that of the query.", "PERSISTED_QUERY_HASH_MISMATCH")
        if self._locked and query not in self._texts:
            raise _refused("Only trusted documents are executed here.", "DOCUMENT_NOT_TRUSTED")
        return query

    def _named(self, document_id: str) -> str:
        found = self._trusted.get(document_id)
        if found is None and document_id.startswith(SHA256):
            found = self._recall(document_id.removeprefix(SHA256))
        if found is None:
            raise _refused("There is no document of this id.", "DOCUMENT_NOT_FOUND")
        return found

    def _by_digest(self, digest: str) -> str:
        # Apollo's manifests are asked for by their own ids, which need not be digests of the text.
        found = self._trusted.get(digest) or self._trusted.get(SHA256 + digest)
        found = found or self._recall(digest)
        if found is None and self._locked:
            raise _refused("Only trusted documents are executed here.", "DOCUMENT_NOT_TRUSTED")
        if found is None:
            raise _refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        return found

    def _recall(self, digest: str) -> str | None:
        found = self._registered.get(digest)
        if found is not None:
            self._registered.move_to_end(digest)
        return found

    def _forget(self) -> None:
        while (
            len(self._registered) > MAX_REGISTERED or self._characters > MAX_REGISTERED_CHARACTERS
        ):
            _, dropped = self._registered.popitem(last=False)
            self._characters -= len(dropped)


def open_documents(path: str, *, locked: bool) -> Documents:
    """The documents as the settings have them; raises ConfigurationError."""
    if locked and not path:
        raise ConfigurationError(
            "CONVERSA_DOCUMENTS: locked needs the file of CONVERSA_TRUSTED_DOCUMENTS"
        )
    return Documents(load_manifest(Path(path)) if path else None, locked=locked)


def load_manifest(path: Path) -> dict[str, str]:
    """Texts by their ids; raises ConfigurationError where the file is none of the known forms."""
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise _unusable(f"{path} is not JSON: {error}") from None
    found = _apollo_operations(content) if _is_apollo(content) else content
    if not isinstance(found, dict) or not found:
        raise _unusable(f"{path} holds no documents")
    if not all(isinstance(text, str) for text in found.values()):
        raise _unusable(f"{path} is neither a map from id to text nor Apollo's operation manifest")
    return found


def _is_apollo(content: object) -> bool:
    return isinstance(content, dict) and content.get("format") == APOLLO_FORMAT


def _apollo_operations(content: dict[str, Any]) -> dict[str, Any]:
    try:
        return {each["id"]: each["body"] for each in content["operations"]}
    except (KeyError, TypeError):
        return {}


def _by_every_id(trusted: Mapping[str, str]) -> dict[str, str]:
    return {**{SHA256 + _digest(text): text for text in trusted.values()}, **trusted}


def _registered_digest(extensions: dict[str, Any] | None) -> str | None:
    named = extensions.get("persistedQuery") if extensions else None
    if named is None:
        return None
    digest = named.get("sha256Hash") if isinstance(named, dict) else None
    if digest is None or named.get("version") != 1 or not isinstance(digest, str):
        raise Malformed("extensions.persistedQuery must be {version: 1, sha256Hash: …}.")
    if not _DIGEST.fullmatch(digest):
        raise Malformed("extensions.persistedQuery.sha256Hash must be 64 hexadecimal digits.")
    return digest


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def _unusable(reason: str) -> ConfigurationError:
    return ConfigurationError(f"CONVERSA_TRUSTED_DOCUMENTS: {reason}")
