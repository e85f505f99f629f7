from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.security.errors import Unauthenticated
from backend.security.tokens import ApiKey, bearer_token, hash_key, make_key, matches, parse_key

PEPPER = b"kept outside the database"


def test_a_key_read_back_is_the_key() -> None:
    key = make_key()

    assert parse_key(key.reveal()) == key


def test_keys_differ() -> None:
    keys = [make_key() for _ in range(100)]

    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 100


def test_a_secret_has_256_bits() -> None:
    assert len(bytes.fromhex(make_key().secret)) == 32


def test_a_secret_shows_in_no_repr_and_no_text() -> None:
    key = make_key()

    assert key.secret not in f"{key} {key!r} {[key]!r}"
    assert key.id in repr(key)


def test_a_key_matches_its_hash_alone() -> None:
    key, other = make_key(), make_key()
    stored = hash_key(key, PEPPER)

    assert matches(key, stored, PEPPER)
    assert not matches(other, stored, PEPPER)
    assert not matches(ApiKey(other.id, key.secret), stored, PEPPER)
    assert not matches(key, stored, b"another pepper")
    assert not matches(key, None, PEPPER)
    assert not matches(key, "", PEPPER)


def test_a_hash_is_no_key() -> None:
    key = make_key()
    stored = hash_key(key, PEPPER)

    assert key.secret not in stored
    assert not matches(ApiKey(key.id, stored), stored, PEPPER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cvk_",
        "cvk_0123456789abcdef_",
        "sk_0123456789abcdef_" + "0" * 64,
        "cvk_0123456789abcdef_" + "0" * 63,
        "cvk_0123456789abcdef_" + "0" * 64 + "\n",
        "cvk_0123456789ABCDEF_" + "0" * 64,
        "cvk_0123456789abcdef_" + "٠" * 64,
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        parse_key(text)

    assert caught.value.code == "UNAUTHENTICATED"


@given(st.text(max_size=200))
def test_any_other_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Unauthenticated, match=r"^The API key is not valid\.$"):
        parse_key(text)


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, None), ("Bearer abc", "abc"), ("bearer abc", "abc"), ("Bearer  abc ", "abc")],
)
def test_a_bearer_header_is_read(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "abc", "Basic abc", "Bearer a b"])
def test_another_header_is_refused_and_not_repeated(header: str) -> None:
    with pytest.raises(Unauthenticated, match="must be: Bearer"):
        bearer_token(header)
