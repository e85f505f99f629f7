from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.config import Settings, load_settings
from backend.errors import ConfigurationError
from backend.security.pepper import read_pepper

GIVEN = "p" * 32


@pytest.fixture
def settings() -> Settings:
    return load_settings(env_file=None)


def test_a_pepper_that_is_set_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, key_pepper=GIVEN)

    assert read_pepper(settings, tmp_path / "pepper") == GIVEN.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_made_once_for_its_owner_alone(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "chat.db-pepper"

    first, second = read_pepper(settings, path), read_pepper(settings, path)

    assert first == second
    assert len(first) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_two_installations_have_two(settings: Settings, tmp_path: Path) -> None:
    assert read_pepper(settings, tmp_path / "a") != read_pepper(settings, tmp_path / "b")


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from backend.config import load_settings;"
        "from backend.security.pepper import read_pepper;"
        "print(read_pepper(load_settings(env_file=None), pathlib.Path(sys.argv[1])).decode())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "pepper")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    assert len({process.communicate()[0] for process in started}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pepper"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_others_can_use_stops_the_start(
    settings: Settings, tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "pepper"
    read_pepper(settings, path)
    path.chmod(mode)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_pepper(settings, path)


def test_a_file_that_was_cut_short_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    path.write_text("short")
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="less than 32 characters"):
        read_pepper(settings, path)


def test_a_database_elsewhere_needs_a_setting(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="CONVERSA_KEY_PEPPER: must be set"):
        read_pepper(settings, None)


def test_a_folder_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_pepper(settings, tmp_path / "nowhere" / "pepper")


def test_a_short_pepper_is_refused_and_none_is_shown() -> None:
    with pytest.raises(ConfigurationError, match="CONVERSA_KEY_PEPPER") as refusal:
        load_settings(env_file=None, key_pepper="not a long one")
    assert "not a long one" not in str(refusal.value)
    assert GIVEN not in repr(load_settings(env_file=None, key_pepper=GIVEN))
