"""`import` and `export` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli import transfers
from backend.formats.reader import FORMATS
from backend.services import exports
from backend.services.imports import ImportReport
from tests.cli.conftest import Command

CHAT = {"id": "one", "title": "T", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """A file of two good conversations and a bad one."""
    bad = {"id": "bad", "messages": [{"role": "robot", "content": "x"}]}
    lines = [CHAT, bad, {**CHAT, "id": "two"}]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_names_are_those_of_the_formats() -> None:
    assert transfers.READ_FORMATS == FORMATS
    assert tuple(exports.FORMATS) == transfers.FORMATS


def cells(line: str) -> list[str]:
    """A line of the table."""
    return line.split()


class TestImport:
    """What it says, and the exit code."""

    def test_report_counts_and_names_what_failed(self, command: Command, chats: Path) -> None:
        result = command("import", chats)
        assert result.exit_code == 1
        header, row = result.stdout.splitlines()
        assert cells(header) == list(transfers.HEADER)
        assert cells(row) == [str(chats), "plain", "2", "2", "0", "1"]
        assert f"{chats}: conversation 1 (bad): " in result.stderr
        assert "line 2" in result.stderr
        assert result.stderr.count("\n") == 1

    def test_again_is_unchanged(self, command: Command, tmp_path: Path) -> None:
        path = tmp_path / "chat.json"
        path.write_text(json.dumps(CHAT))
        assert command("import", path).exit_code == 0
        again = command("import", path)
        assert again.exit_code == 0
        assert cells(again.stdout.splitlines()[1])[1:] == ["plain", "0", "0", "1", "0"]

    def test_several_files_are_summed_and_one_that_is_none_does_not_stop_the_rest(
        self, command: Command, chats: Path, tmp_path: Path
    ) -> None:
        nonsense = tmp_path / "nonsense.json"
        nonsense.write_text("nothing of the kind")
        result = command("import", nonsense, chats)
        assert result.exit_code == 1
        rows = [cells(line) for line in result.stdout.splitlines()]
        assert rows[1] == [str(nonsense), "?", "0", "0", "0", "1"]
        assert rows[3] == ["all", "2", "2", "0", "2"]
        assert f"{nonsense}: conversation 0: This cannot be imported" in result.stderr

    def test_folder_is_read_whole(self, command: Command, chats: Path) -> None:
        (chats.parent / "more.json").write_text(json.dumps({**CHAT, "id": "three"}))
        result = command("import", chats.parent)
        assert cells(result.stdout.splitlines()[1])[1:] == ["plain", "3", "3", "0", "1"]

    def test_dry_run_stores_nothing(self, command: Command, chats: Path) -> None:
        result = command("import", "--dry-run", chats)
        assert cells(result.stdout.splitlines()[1])[1:] == ["plain", "2", "2", "0", "1"]
        assert "Nothing was stored." in result.stderr
        assert command("export").stdout == '{"conversa":1}\n'

    def test_owner_is_who_was_named(self, command: Command, chats: Path) -> None:
        command("import", "--owner", "ana", chats)
        assert command("export").stdout.count("\n") == 1
        assert command("export", "--owner", "ana").stdout.count("\n") == 3

    @pytest.mark.parametrize(
        "arguments", [["import"], ["import", "missing.json"], ["import", "--format", "pdf", "."]]
    )
    def test_wrong_usage(self, command: Command, arguments: list[str]) -> None:
        result = command(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")

    def test_what_is_stored_is_told_when_something_stops_it(
        self, command: Command, chats: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A file that disappears on the way, as a disk does that is pulled out."""
        later = tmp_path / "z.json"
        later.write_text(json.dumps(CHAT))
        told = transfers._options

        def pulled_out(*arguments: object) -> object:
            later.unlink(missing_ok=True)
            return told(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(transfers, "_options", pulled_out)
        result = command("import", chats, later)
        assert result.exit_code == 1
        rows = [cells(line) for line in result.stdout.splitlines()]
        assert rows[1][1:] == ["plain", "2", "2", "0", "1"]
        assert rows[2][1:] == ["?", "0", "0", "0", "1"]


class TestExport:
    """To a file, whole or not at all, or to the standard output."""

    def test_file_is_written_whole(self, command: Command, chats: Path, tmp_path: Path) -> None:
        command("import", chats)
        target = tmp_path / "out.jsonl"
        target.write_text("what was here before")
        result = command("export", "--output", target)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "2 conversations exported." in result.stderr
        assert target.read_text() == command("export").stdout
        assert len(target.read_text().splitlines()) == 3

    def test_what_fails_leaves_the_old_file_and_nothing_else(
        self, command: Command, chats: Path, tmp_path: Path
    ) -> None:
        command("import", chats)
        folder = tmp_path / "out"
        folder.mkdir()
        target = folder / "out.jsonl"
        target.write_text("what was here before")
        missing = "01890000-0000-7000-8000-000000000000"
        result = command("export", "--conversation", missing, "--output", target)
        assert result.exit_code == 1
        assert result.stderr == "There is no such conversation.\n"
        assert target.read_text() == "what was here before"
        assert list(folder.iterdir()) == [target]

    def test_one_conversation_in_another_form(self, command: Command, chats: Path) -> None:
        command("import", chats)
        lines = command("export").stdout.splitlines()
        found = json.loads(lines[1])["external_id"]
        result = command("export", "--conversation", found, "--format", "openai")
        assert json.loads(result.stdout) == {"messages": CHAT["messages"]}

    def test_unknown_form_is_wrong_usage(self, command: Command) -> None:
        result = command("export", "--format", "pdf")
        assert result.exit_code == 2
        assert "conversa, markdown, openai, openwebui" in result.stderr

    def test_comes_back_into_another_database(
        self, command: Command, chats: Path, tmp_path: Path
    ) -> None:
        command("import", chats)
        target = tmp_path / "out.jsonl"
        command("export", "--output", target)
        assert command("import", "--owner", "ana", target).exit_code == 0
        assert command("export", "--owner", "ana").stdout == target.read_text()
        assert command("check").exit_code == 0


def test_table_is_empty_where_nothing_was_read() -> None:
    assert list(transfers._table({})) == []


def test_table_aligns_its_columns() -> None:
    reports = {"a.json": ImportReport(["plain"], 1, 2, 3, 4), "bb": ImportReport(["claude"], 10)}
    lines = list(transfers._table(reports))
    assert [len(line) for line in lines] == [len(lines[0])] * 4
