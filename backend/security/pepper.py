"""The key under which API keys are hashed. It is kept outside the database."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from backend.config import PEPPER_CHARACTERS, PREFIX, Settings
from backend.errors import ConfigurationError

SETTING = f"{PREFIX}KEY_PEPPER"


def read_pepper(settings: Settings, beside: Path | None) -> bytes:
    """The pepper of the settings, or the one in the file ``beside``, made if it is missing.

    Raises ConfigurationError where there is neither, or the file is not its owner's alone.
    """
    given = settings.key_pepper.get_secret_value()
    if given:
        return given.encode()
    if beside is None:
        raise ConfigurationError(
            f"{SETTING}: must be set where the database is no file of this machine: "
            f"{PEPPER_CHARACTERS} random characters or more"
        )
    try:
        if not beside.exists():
            _make(beside)
        return _read(beside)
    except OSError as error:
        raise ConfigurationError(f"{SETTING}: {beside}: {error.strerror}") from None


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(f"{SETTING}: others can read {path}: run chmod 600 on it")
    pepper = path.read_bytes().strip()
    if len(pepper) < PEPPER_CHARACTERS:
        raise ConfigurationError(
            f"{SETTING}: {path} holds less than {PEPPER_CHARACTERS} characters"
        )
    return pepper


def _make(path: Path) -> None:
    """Makes the file whole or not at all; where another process was quicker, its file stays."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
