"""The files at the root agree with each other and with the code."""

import dataclasses
import re
from pathlib import Path

import pytest

from backend.config import PREFIX, Settings, load_settings

ROOT = Path(__file__).parent.parent


def pins(name: str) -> dict[str, str]:
    """Package to version, of every line that is neither a comment nor an option."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("-")]
    pairs = [re.fullmatch(r"([\w.-]+)(?:\[\w+\])?==([\w.+!]+)", line) for line in wanted]
    assert all(pairs), f"{name} has a line that is not an exact version"
    return {re.sub(r"[-_.]+", "-", m[1]).lower(): m[2] for m in pairs if m}


@pytest.mark.parametrize(
    ("direct", "locked"),
    [
        ("requirements.in", ["requirements.txt"]),
        ("requirements-dev.in", ["requirements.txt", "requirements-dev.txt"]),
    ],
)
def test_what_is_asked_for_is_what_is_installed(direct: str, locked: list[str]) -> None:
    installed = {package: v for name in locked for package, v in pins(name).items()}
    assert pins(direct).items() <= installed.items()


def test_no_package_is_locked_twice() -> None:
    assert not pins("requirements.txt").keys() & pins("requirements-dev.txt").keys()


def test_what_a_model_needs_is_what_is_tested() -> None:
    assert pins("requirements-models.txt").items() <= pins("requirements-dev.txt").items()


def test_the_example_environment_is_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    example = dict(re.findall(r"^# (\w+)=(.*)$", text, re.MULTILINE))
    assert set(example) == {PREFIX + each.name.upper() for each in dataclasses.fields(Settings)}
    for name in example:
        monkeypatch.delenv(name, raising=False)
    defaults = load_settings(env_file=None)
    for name, value in example.items():
        monkeypatch.setenv(name, value)
    assert load_settings(env_file=None) == defaults


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    described = re.findall(r"^([a-z-]+):.*## .+$", text, re.MULTILINE)
    assert sorted(described) == sorted(phony.split())
