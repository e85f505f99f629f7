"""Where settings come from, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.config import PREFIX, Settings, load_settings
from backend.errors import ConfigurationError
from backend.setting import SecretStr


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOST", "PORT", "LOG_LEVEL"):
        monkeypatch.delenv(PREFIX + name, raising=False)


def test_overrides_come_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        'CONVERSA_HOST=file\nconversa_port = 1 # one\nCONVERSA_LOG_LEVEL="debug"\nCONVERSA_NEW=x\n'
    )
    monkeypatch.setenv("CONVERSA_HOST", "environment")
    monkeypatch.setenv("conversa_port", "2")
    told = load_settings(port=3)
    assert (told.host, told.port, told.log_level) == ("environment", 3, "debug")
    told = load_settings(env_file=None)
    assert (told.host, told.port, told.log_level) == ("environment", 2, "info")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", " 80 ", 80),
        ("pool_timeout", "0.5", 0.5),
        ("playground", "No", False),
        ("rate_owner_points", "", None),
        ("rate_owner_points", "0", 0),
        (
            "cors_origins",
            "https://A.example, ,https://b.example",
            ("https://a.example", "https://b.example"),
        ),
        ("jwt_algorithms", "RS256,EdDSA", ("RS256", "EdDSA")),
        ("trusted_proxies", "10.0.0.0/8", ("10.0.0.0/8",)),
        ("embedder_key", "word", SecretStr("word")),
        ("auth", "keys", "keys"),
    ],
)
def test_text_is_read_as_what_the_setting_is(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), text)
    assert getattr(load_settings(), name) == value
    assert getattr(load_settings(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "x", "Input should be a valid integer, unable to parse string as an integer"),
        ("port", "", "Input should be a valid integer, unable to parse string as an integer"),
        ("port", "70000", "Input should be less than or equal to 65535"),
        ("port", "-1", "Input should be greater than or equal to 0"),
        ("rate_owner_points", "-1", "Input should be greater than or equal to 0"),
        (
            "pool_timeout",
            "soon",
            "Input should be a valid number, unable to parse string as a number",
        ),
        ("pool_timeout", "0", "Input should be greater than 0"),
        ("pool_timeout", "nan", "Input should be greater than 0"),
        ("playground", "maybe", "Input should be a valid boolean, unable to interpret input"),
        ("synchronous", "off", "Input should be 'full' or 'normal'"),
        ("auth", "open", "Input should be 'none', 'keys' or 'jwt'"),
        ("database_url", "mysql://host", "must start with sqlite:/// or postgresql://"),
        ("trusted_proxies", "nobody", "must be addresses or networks such as 10.0.0.0/8"),
        ("cors_origins", "chat", "must be origins such as https://chat.example, without a path"),
        ("key_pepper", "short", "must have 32 characters or more"),
        ("rate_url", "http://host", "must be empty or redis://host"),
        ("embedder", "https://host/v1", "an address needs CONVERSA_EMBEDDER_MODEL as well"),
    ],
)
def test_wrong_one_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, reason: str
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value) == f"{PREFIX}{name.upper()}: {reason}"


def test_secrets_are_not_shown() -> None:
    told = load_settings(embedder_key="word", database_url="postgresql://me:word@host/name")
    assert "word" not in f"{told!r} {told.embedder_key}"
    assert told.embedder_key.get_secret_value() == "word"


def test_a_copy_differs_in_what_it_is_told() -> None:
    assert Settings().model_copy(update={"port": 1}) == Settings(port=1)
