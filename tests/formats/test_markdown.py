"""Markdown to read."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings

from backend.formats import WRITERS, DocumentConversation, DocumentMessage
from backend.utils.message_parts import text_part
from tests.formats.strategies import document_lists

write = WRITERS["markdown"]
MOMENT = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def written(*documents: DocumentConversation) -> str:
    return b"".join(write(documents)).decode()


def chain(*messages: DocumentMessage, **fields: Any) -> DocumentConversation:
    for before, message in pairwise(messages):
        message.parent_id = before.id
    return DocumentConversation("plain", "c", "A\ntitle", list(messages), **fields)


def test_a_whole_conversation() -> None:
    user = DocumentMessage("u", None, "user", [text_part("Hi")], name="Ann", created_at=MOMENT)
    call: Any = {"type": "tool_call", "call_id": "c", "name": "f<b>", "arguments": {"x": "é"}}
    result: Any = {"type": "tool_result", "call_id": "c", "result": "```\nr", "is_error": True}
    answer = DocumentMessage(
        "a",
        None,
        "assistant",
        [{"type": "reasoning", "text": "Hm"}, call, result, text_part("Done")],
        model="m",
        status="incomplete",
    )
    assert written(chain(user, answer, tags=["x", "y"], created_at=MOMENT)) == (
        "# A title\n\n"
        "*created 2024-05-01 12:30 UTC · tags: x, y*\n\n"
        "## User (Ann) · 2024-05-01 12:30 UTC\n\n"
        "Hi\n\n"
        "## Assistant · m · incomplete\n\n"
        "<details>\n<summary>Reasoning</summary>\n\nHm\n\n</details>\n\n"
        "<details>\n<summary>Call of f&lt;b></summary>\n\n"
        '```json\n{\n  "x": "é"\n}\n```\n\n</details>\n\n'
        "<details>\n<summary>Error</summary>\n\n````\n```\nr\n````\n\n</details>\n\n"
        "Done\n\n"
    )


def test_media_and_data() -> None:
    parts: list[Any] = [
        {"type": "media", "media_type": "image/png", "url": "http://i/<x>", "name": "a]b.png"},
        {"type": "media", "media_type": "image/png", "url": "data:image/png;base64,AA"},
        {"type": "media", "media_type": "a/b", "url": "urn:x"},
        {"type": "data", "data_type": "chart", "data": [1]},
    ]
    text = written(chain(DocumentMessage("u", None, "user", parts)))
    assert "![a b.png](<http://i/%3Cx%3E>)\n\n" in text
    assert "[image/png: embedded, image/png]\n\n" in text
    assert "\n\n[a/b](<urn:x>)\n\n" in text
    assert "<summary>chart</summary>\n\n```json\n[\n  1\n]\n```" in text


def test_hidden_messages_and_other_branches_are_left_out() -> None:
    first = DocumentMessage("s", None, "system", [text_part("Secret")], metadata={"hidden": True})
    user = DocumentMessage("u", "s", "user", [text_part("Hi")])
    one = DocumentMessage("a", "u", "assistant", [text_part("One")])
    two = DocumentMessage("b", "u", "assistant", [text_part("Two")])
    document = DocumentConversation("plain", "c", None, [first, user, one, two], "a")
    assert written(document) == "# Untitled\n\n## User\n\nHi\n\n## Assistant\n\nOne\n\n"


def test_conversations_stand_apart() -> None:
    assert written(chain(), chain()) == "# A title\n\n---\n\n# A title\n\n"


@settings(max_examples=40)
@given(document_lists())
def test_any_conversation_can_be_written(documents: list[DocumentConversation]) -> None:
    assert written(*documents).startswith("# ")
