"""`search` and `reindex` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command


def test_what_was_imported_is_found(command: Command, tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "The zebra crossed the road."}]
    file = tmp_path / "chat.json"
    file.write_text(json.dumps(chat))
    assert command("import", file).exit_code == 0
    assert "The zebra crossed the road." in command("search", "zebras").stdout
    nothing = command("search", "giraffe")
    assert (nothing.stdout, nothing.stderr) == ("", "Nothing was found.\n")
    assert command("reindex").stderr == "0 messages.\n"
    assert command("check").exit_code == 0
