"""Files, folders and archives; which of their files are read, and which archives are refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from backend.formats import (
    DocumentFailure,
    UnsupportedFormat,
    detect,
    open_documents,
    read_documents,
    sources,
)

USER = {"role": "user", "content": "Hi"}


def plain(name: str) -> bytes:
    return orjson.dumps({"id": name, "messages": [USER]})


def chatgpt(*names: str) -> bytes:
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["x"]}}
    mapping = {"n": {"parent": None, "message": message}}
    return orjson.dumps([{"conversation_id": name, "mapping": mapping} for name in names])


def claude(*names: str) -> bytes:
    return orjson.dumps([{"uuid": name, "chat_messages": []} for name in names])


def make_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def ids(results: Any) -> list[str | None]:
    return [result.external_id for result in results]


EXPORT = {
    "conversations-10.json": chatgpt("k"),
    "conversations-2.json": chatgpt("b", "c"),
    "conversations-1.json": chatgpt("a"),
    "export_manifest.json": b'{"version": 1}',
    "message_feedback.json": b"[]",
    "user.json": b'{"id": "u"}',
    "file-1.dat": b"\x00",
    "deep/conversation_asset_file_names.json": b"{}",
}
CLAUDE_EXPORT = {
    "conversations.json": claude("x", "y"),
    "users.json": b"[]",
    "projects/p.json": b'{"docs": []}',
    "design_chats/d.json": plain("d"),
}
CHATS = {
    "a/10.json": plain("10"),
    "a/9.JSON": plain("9"),
    "b.jsonl": plain("b1") + b"\n" + plain("b2"),
    "c.ndjson": plain("c"),
    "readme.md": b"# no chat",
    ".hidden.json": b"no",
    "__MACOSX/a/10.json": b"no",
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("files", "found", "name"),
    [
        (EXPORT, ["a", "b", "c", "k"], "chatgpt"),
        (CLAUDE_EXPORT, ["x", "y", "d"], "claude"),
        (CHATS, ["9", "10", "b1", "b2", "c"], "plain"),
        ({f"top/{key}": value for key, value in EXPORT.items()}, ["a", "b", "c", "k"], "chatgpt"),
    ],
)
def test_what_is_read_of_a_folder_and_of_an_archive(
    tmp_path: Path, files: dict[str, bytes], found: list[str], name: str, packed: bool
) -> None:
    path = make_folder(tmp_path, files)
    if packed:
        path = tmp_path / "export"
        path.write_bytes(make_zip(files))
    assert detect(path) == name
    with open_documents(path) as documents:
        assert ids(documents) == found
        assert documents.position == documents.total
        assert documents.total == sum(len(files[key]) for key in files if is_read(key, files))


def is_read(name: str, files: dict[str, bytes]) -> bool:
    if any("conversations" in key for key in files):
        return "conversations" in name or "design_chats" in name
    return not name.startswith((".", "_")) and name.lower().endswith(("json", "jsonl"))


def test_archives_in_a_folder_are_read_too(tmp_path: Path) -> None:
    old, new = make_zip(EXPORT), make_zip(CLAUDE_EXPORT)
    make_folder(
        tmp_path, {"1.zip": old, "2.zip": new, "3.json": plain("z"), "4.zip": b"PK\x03\x04"}
    )
    with open_documents(tmp_path) as documents:
        results = list(documents)
        assert ids(results) == ["a", "b", "c", "k", "x", "y", "d", "z", None]
        assert documents.position <= (documents.total or 0)
    failure = results[-1]
    assert isinstance(failure, DocumentFailure)
    assert failure.reason.startswith("4.zip: the zip archive cannot be opened")


def test_a_file_that_is_no_chat_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    make_folder(
        tmp_path,
        {"1.json": plain("a"), "2.json": b'{"x": 1}', "3.json": b"[{", "4.json": plain("b")},
    )
    results = list(open_documents(tmp_path))
    assert ids(results) == ["a", None, None, "b"]
    assert [r.reason[:7] for r in results if isinstance(r, DocumentFailure)] == [
        "2.json:",
        "3.json:",
    ]


def test_the_same_conversation_in_two_files_is_the_business_of_whoever_stores_it(
    tmp_path: Path,
) -> None:
    make_folder(tmp_path, {"1.json": plain("a"), "2.json": plain("a")})
    assert ids(open_documents(tmp_path)) == ["a", "a"]


def test_a_stream_is_named_in_failures_and_left_open() -> None:
    stream = io.BytesIO(b'{"id": "x", "messages": []}')
    [failure] = read_documents(stream, name="upload.json")
    assert isinstance(failure, DocumentFailure)
    assert failure.reason.startswith("upload.json: it has no messages")
    assert not stream.closed


def test_an_archive_in_a_stream() -> None:
    documents = read_documents(io.BytesIO(make_zip(EXPORT, zipfile.ZIP_LZMA)))
    assert ids(documents) == ["a", "b", "c", "k"]


class Unseekable(io.RawIOBase):
    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._inner.read(size)


def test_a_stream_that_cannot_be_sought_in() -> None:
    documents = read_documents(Unseekable(chatgpt("a", "b")))  # type: ignore[arg-type]
    assert documents.total is None
    assert ids(documents) == ["a", "b"]
    assert documents.position == len(chatgpt("a", "b"))


def test_what_holds_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="no JSON file and no zip"):
        open_documents(tmp_path)
    with pytest.raises(UnsupportedFormat, match="no JSON file in the zip"):
        read_documents(io.BytesIO(make_zip({"a.txt": b"x"})))
    with pytest.raises(UnsupportedFormat, match="cannot be opened"):
        read_documents(io.BytesIO(make_zip(EXPORT)[:200]))
    with pytest.raises(FileNotFoundError):
        open_documents(tmp_path / "gone.json")
    with pytest.raises(UnsupportedFormat, match="no file of it is in a chat format"):
        detect(make_folder(tmp_path, {"x.json": b"{}"}))


def test_files_are_closed(tmp_path: Path) -> None:
    path = make_folder(tmp_path, {"a.json": chatgpt("a", "b")}) / "a.json"
    with open_documents(path) as documents:
        next(documents)
    with pytest.raises(StopIteration):
        next(documents)
    with pytest.raises(UnsupportedFormat):
        open_documents(make_folder(tmp_path, {"b.json": b"{}"}) / "b.json")


def test_a_damaged_member_gives_what_comes_before(tmp_path: Path) -> None:
    content = make_zip(
        {"1.json": chatgpt(*map(str, range(3000))), "2.json": plain("z")}, zipfile.ZIP_STORED
    )
    place = len(content) // 2
    damaged = content[:place] + b"\xff\xfe" + content[place + 2 :]
    results = list(read_documents(io.BytesIO(damaged)))
    failures = [result for result in results if isinstance(result, DocumentFailure)]
    assert results[-1].external_id == "z"
    assert len(results) > 1000
    assert all(failure.reason.startswith("1.json: ") for failure in failures)
    assert any("Bad CRC-32" in failure.reason for failure in failures)


def test_an_encrypted_member_is_a_failure() -> None:
    content = bytearray(make_zip({"a.json": plain("a")}, zipfile.ZIP_STORED))
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    [failure] = read_documents(io.BytesIO(bytes(content)))
    assert isinstance(failure, DocumentFailure)
    assert failure.reason.startswith("a.json: ")
    assert "encrypted" in failure.reason


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = make_zip({"a.json": b"[" + b" " * 3_000_000 + plain("a") + b"]"})
    assert len(bomb) * sources.MAX_RATIO < 3_000_000
    assert ids(read_documents(io.BytesIO(bomb))) == ["a"]
    monkeypatch.setattr(sources, "FREE_BYTES", 1_000_000)
    with pytest.raises(UnsupportedFormat, match="taken for an attack"):
        read_documents(io.BytesIO(bomb))


def test_an_archive_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_MEMBERS", 3)
    with pytest.raises(UnsupportedFormat, match="more than 3 files"):
        read_documents(io.BytesIO(make_zip({f"{n}.json": b"" for n in range(4)})))


def test_a_member_gives_no_more_than_the_archive_says() -> None:
    """The other half of the guard: a header that lies about its size is found out by zipfile."""
    content = bytearray(make_zip({"a.json": b"[" + plain("a") + b" " * 5000 + b"]"}))
    size = (len(plain("a")) + 5002).to_bytes(4, "little")
    lie = (len(plain("a")) + 10).to_bytes(4, "little")
    assert content.count(size) == 2
    [failure] = read_documents(io.BytesIO(bytes(content).replace(size, lie)))
    assert isinstance(failure, DocumentFailure)
    assert failure.reason == "a.json: Bad CRC-32 for file 'a.json'"
