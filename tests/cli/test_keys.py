"""API keys on the command line: shown once, listed, revoked."""

from __future__ import annotations

import re

import pytest

from backend.config import PREFIX
from tests.cli.conftest import Command

PEPPER = "a pepper that only these tests know"
KEY = re.compile(r"cvk_([0-9a-f]{16})_[0-9a-f]{64}\n")


@pytest.fixture(autouse=True)
def _pepper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}KEY_PEPPER", PEPPER)


def made(command: Command, *arguments: str) -> str:
    """The id of a new key; the key is all there is on the standard output."""
    result = command("keys", "create", *arguments)
    assert result.exit_code == 0, result.stderr
    found = KEY.fullmatch(result.stdout)
    assert found, result.stdout
    return found[1]


def rows(command: Command, *arguments: str) -> list[list[str]]:
    """The lines of the list."""
    lines = command("keys", "list", *arguments).stdout.splitlines()
    return [re.split(r" {2,}", line) for line in lines]


def test_a_key_is_shown_once_and_then_known_by_its_id(command: Command) -> None:
    key_id = made(command, "phone", "--owner", "ana", "--scope", "read")
    listed = command("keys", "list").stdout
    assert rows(command)[0] == ["id", "owner", "name", "scopes", "made", "expires", "state"]
    assert rows(command)[1][:4] == [key_id, "ana", "phone", "read"]
    assert rows(command)[1][5:] == ["never", "good"]
    assert not KEY.search(listed)


def test_keys_of_one_owner_are_listed(command: Command) -> None:
    hers = made(command, "phone", "--owner", "ana")
    made(command, "desk", "--owner", "bruno")
    assert [row[0] for row in rows(command, "--owner", "ana")[1:]] == [hers]
    assert rows(command, "--owner", "nobody")[1:] == []


def test_scopes_and_days_are_as_they_are_given(command: Command) -> None:
    made(command, "all", "--scope", "admin", "--scope", "read", "--days", "30")
    made(command, "usual")
    first, second = rows(command)[1:]
    assert first[3] == "read,admin"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[5])
    assert second[1:4] == ["local", "usual", "read,write"]


def test_a_revoked_key_says_so(command: Command) -> None:
    key_id = made(command, "phone")
    assert command("keys", "revoke", key_id).exit_code == 0
    assert command("keys", "revoke", key_id).exit_code == 0
    assert rows(command)[1][6] == "revoked"


def test_a_key_that_is_not_there_cannot_be_revoked(command: Command) -> None:
    result = command("keys", "revoke", "0123456789abcdef")
    assert (result.exit_code, result.stderr) == (1, "There is no key of this id.\n")


def test_it_is_told_where_the_server_asks_for_no_keys(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "AUTH is none" in command("keys", "create", "phone").stderr
    monkeypatch.setenv(f"{PREFIX}AUTH", "keys")
    assert "AUTH" not in command("keys", "create", "phone").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "phone", "--scope", "delete"),
        ("keys", "create", "phone", "--days", "0"),
        ("keys", "create"),
        ("keys", "revoke"),
        ("keys",),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, arguments: tuple[str, ...]) -> None:
    assert command(*arguments).exit_code == 2


def test_without_a_pepper_a_server_elsewhere_gets_no_keys(
    command: Command, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.delenv(f"{PREFIX}KEY_PEPPER")
    result = command("keys", "create", "phone")
    if "postgresql" in request.node.name:
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"{PREFIX}KEY_PEPPER: must be set")
    else:
        assert result.exit_code == 0


def test_nobody_serves_everybody_by_mistake(command: Command) -> None:
    result = command("serve", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{PREFIX}HOST: on 0.0.0.0 anybody")
    assert result.stderr.count("\n") == 1


def test_tokens_without_an_issuer_are_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}AUTH", "jwt")
    result = command("serve", "--port", "0")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{PREFIX}JWT_ISSUER: must be set")
    assert result.stderr.count("\n") == 1
