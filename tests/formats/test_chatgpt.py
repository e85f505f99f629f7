"""ChatGPT's trees: what is kept, what is stepped over, where the active branch ends."""

from __future__ import annotations

from typing import Any

import orjson

from backend.formats import DocumentConversation, DocumentFailure
from tests.formats.support import (
    contents,
    message_of,
    part_types,
    read_bytes,
    read_failure,
    read_json,
    read_one,
    roles_of,
    tree_of,
)


def text(*parts: Any) -> dict[str, Any]:
    return {"content_type": "text", "parts": list(parts)}


def node(
    parent: str | None, role: str, content: dict[str, Any], *children: str, **rest: Any
) -> dict[str, Any]:
    """A node as the export has it; ``rest`` overrides keys of the message."""
    message: dict[str, Any] = {
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": None,
        "content": content,
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
        "channel": None,
    }
    return {"parent": parent, "children": list(children), "message": message | rest}


ROOT = {"parent": None, "children": ["s"], "message": None}
HIDDEN = {"is_visually_hidden_from_conversation": True}


def conversation(mapping: dict[str, Any], **rest: Any) -> dict[str, Any]:
    for name, raw in mapping.items():
        raw["id"] = name
        if raw["message"]:
            raw["message"]["id"] = name
    return {
        "title": "T",
        "create_time": 1714585031.148505,
        "update_time": None,
        "mapping": mapping,
        "conversation_id": "c1",
        "default_model_slug": "gpt-4",
        **rest,
    }


def read(mapping: dict[str, Any], **rest: Any) -> DocumentConversation:
    return read_one([conversation(mapping, **rest)])


def tree() -> dict[str, Any]:
    return {
        "root": dict(ROOT),
        "s": node("root", "system", text(""), "u", metadata=HIDDEN, weight=0.0),
        "u": node("s", "user", text("Hi"), "a1", "a2", create_time=10),
        "a2": node("u", "assistant", text("Two"), create_time=12, metadata={"model_slug": "m2"}),
        "a1": node("u", "assistant", text("One"), "u2", create_time=11),
        "u2": node("a1", "user", text("More"), create_time=13),
    }


def test_a_tree_with_two_answers() -> None:
    document = read(tree(), current_node="a2", is_starred=True, gizmo_id="g")
    assert tree_of(document) == {"u": None, "a1": "u", "u2": "a1", "a2": "u"}
    assert document.active_leaf_id == "a2"
    assert (document.format, document.external_id, document.title) == ("chatgpt", "c1", "T")
    assert (document.pinned, document.archived) == (True, False)
    assert document.created_at is not None
    assert document.created_at.isoformat() == "2024-05-01T17:37:11.148505+00:00"
    assert document.metadata["gizmo_id"] == "g"
    assert message_of(document, "a1").model == "gpt-4"
    assert message_of(document, "a2").model == "m2"
    assert message_of(document, "u").model is None


def test_where_the_active_branch_ends() -> None:
    assert read(tree(), current_node="u2").active_leaf_id == "u2"
    assert read(tree(), current_node="a1").active_leaf_id == "u2"
    assert read(tree(), current_node="root").active_leaf_id == "u2"
    assert read(tree(), current_node="gone").active_leaf_id == "u2"
    assert read(tree()).active_leaf_id == "u2"


def test_hidden_nodes_are_kept_and_marked() -> None:
    context = {"content_type": "user_editable_context", "user_profile": "I am", "x": 1}
    document = read(
        {
            "root": dict(ROOT),
            "s": node("root", "system", text("Secret"), weight=0),
            "c": node("s", "user", context, metadata=HIDDEN),
            "u": node("c", "user", text("Hi")),
        }
    )
    assert [message.metadata.get("hidden") for message in document.messages] == [True, True, None]
    assert message_of(document, "c").metadata == {"content": {"x": 1}, "hidden": True}
    assert contents(document) == ["Secret", "I am", "Hi"]


def test_empty_nodes_are_stepped_over_wherever_they_are() -> None:
    empty: list[dict[str, Any]] = [
        text(),
        text("", None),
        {"content_type": "thoughts", "thoughts": []},
        {"content_type": "model_editable_context", "model_set_context": ""},
        {"content_type": "user_editable_context", "user_profile": "", "user_instructions": ""},
        {"content_type": "code", "text": ""},
        {},
    ]
    mapping: dict[str, Any] = {"u": node(None, "user", text("Hi"))}
    for number, content in enumerate(empty):
        mapping[str(number)] = node(str(number - 1) if number else "u", "assistant", content)
    mapping["end"] = node(str(len(empty) - 1), "assistant", text("Bye"))
    assert tree_of(read(mapping)) == {"u": None, "end": "u"}


def test_children_may_be_wrong_and_parents_missing() -> None:
    document = read(
        {
            "a": node("gone", "user", text("A"), "nobody", "c"),
            "b": node("a", "assistant", text("B")),
            "c": node("b", "user", text("C")),
            "d": {"parent": 7, "children": None, "message": None},
            "e": node("d", "user", text("E")),
        }
    )
    assert tree_of(document) == {"a": None, "b": "a", "c": "b", "e": None}


def test_parents_in_a_circle() -> None:
    document = read(
        {"a": node("b", "user", text("A")), "b": node("a", "assistant", text("B"))},
        current_node="b",
    )
    assert tree_of(document) == {"a": None, "b": "a"}


def tools() -> dict[str, Any]:
    call = {"content_type": "code", "language": "json", "text": '{"q": "x"}'}
    quote = {"content_type": "tether_quote", "url": "http://q", "text": "Quoted"}
    failed = {"aggregate_result": {"status": "failed_with_in_kernel_exception"}}
    output = {"content_type": "execution_output", "text": "Traceback"}
    author = {"role": "tool", "name": "browser", "metadata": {"real": 1}}
    return {
        "u": node(None, "user", text("Look")),
        "t": node("u", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "Hm"}]}),
        "call": node("t", "assistant", call, recipient="browser"),
        "r1": node("call", "tool", quote, author=author),
        "r2": node("r1", "tool", output, author=author, metadata=failed),
        "recap": node("r2", "assistant", {"content_type": "reasoning_recap", "content": "2 s"}),
        "a": node("recap", "assistant", text("Found"), channel="final"),
        "u2": node("a", "user", text("Thanks")),
        "stray": node("u2", "tool", text("late"), author=author),
    }


def test_calls_results_and_reasoning_are_messages_of_their_own() -> None:
    document = read(tools())
    assert roles_of(document) == [
        "user", "assistant", "assistant", "tool", "tool", "assistant", "assistant", "user", "tool",
    ]  # fmt: skip
    assert part_types(message_of(document, "t")) == ["reasoning"]
    assert part_types(message_of(document, "recap")) == ["reasoning"]
    assert message_of(document, "call").parts == [
        {"type": "tool_call", "call_id": "call", "name": "browser", "arguments": {"q": "x"}}
    ]
    assert message_of(document, "r1").parts == [
        {
            "type": "tool_result",
            "call_id": "call",
            "name": "browser",
            "result": "Quoted",
            "is_error": False,
        }
    ]
    assert message_of(document, "r1").metadata == {
        "content": {"url": "http://q"},
        "author_metadata": {"real": 1},
    }
    [result] = message_of(document, "r2").parts
    assert result["type"] == "tool_result"
    assert (result["call_id"], result["is_error"]) == ("call", True)
    assert message_of(document, "r2").status == "failed"
    [stray] = message_of(document, "stray").parts
    assert stray["type"] == "tool_result"
    assert stray["call_id"] == "stray"
    assert message_of(document, "a").metadata == {"channel": "final"}


def test_code_for_the_reader_is_text() -> None:
    document = read(
        {"a": node(None, "assistant", {"content_type": "code", "language": "py", "text": "x = 1"})}
    )
    assert contents(document) == ["```py\nx = 1\n```"]


def test_images_sounds_and_attachments() -> None:
    image = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "file-service://file-1",
        "size_bytes": 5,
    }
    sound = {
        "content_type": "audio_asset_pointer",
        "asset_pointer": "sediment://s",
        "format": "wav",
    }
    parts = [
        "Look",
        image,
        {"content_type": "audio_transcription", "text": "spoken", "direction": "in"},
        {
            "content_type": "real_time_user_audio_video_asset_pointer",
            "audio_asset_pointer": sound,
            "frames_asset_pointers": [{"x": 1}],
        },
        {"content_type": "hologram", "beam": 1},
    ]
    attachments = [
        {"id": "file-1", "name": "cat.png", "mime_type": "image/png", "size": 6},
        {"id": "file_2", "name": "notes.pdf"},
        {"name": "no id"},
    ]
    content = {"content_type": "multimodal_text", "parts": parts}
    document = read({"u": node(None, "user", content, metadata={"attachments": attachments})})
    assert document.messages[0].parts == [
        {"type": "text", "text": "Look"},
        {
            "type": "media",
            "media_type": "image/png",
            "url": "file-service://file-1",
            "name": "cat.png",
            "size": 6,
        },
        {"type": "text", "text": "spoken"},
        {"type": "media", "media_type": "audio/wav", "url": "sediment://s"},
        {"type": "data", "data_type": "frames_asset_pointers", "data": [{"x": 1}]},
        {"type": "data", "data_type": "hologram", "data": {"content_type": "hologram", "beam": 1}},
        {
            "type": "media",
            "media_type": "application/pdf",
            "url": "sediment://file_2",
            "name": "notes.pdf",
        },
    ]
    assert document.messages[0].metadata["attachments"] == attachments


def test_an_unknown_content_type_is_kept_whole() -> None:
    content = {"content_type": "sonic_webpage", "url": "http://x", "text": "page"}
    [message] = read({"a": node(None, "assistant", content)}).messages
    assert message.parts == [{"type": "data", "data_type": "sonic_webpage", "data": content}]


def test_states_and_citations() -> None:
    citations = [{"start_ix": 1}]
    metadata = {"finish_details": {"type": "max_tokens"}, "citations": citations, "voice": False}
    system_error = {"content_type": "system_error", "name": "oops", "text": "Sorry"}
    document = read(
        {
            "a": node(None, "assistant", text("x"), metadata=metadata),
            "b": node("a", "assistant", text("x"), status="in_progress", metadata=None),
            "c": node(
                "b", "assistant", text("x"), metadata={"finish_details": {"type": "interrupted"}}
            ),
            "d": node("c", "assistant", system_error, status="odd"),
            "e": node("d", "critic", text("x")),
        }
    )
    states = [(m.status, m.finish_reason, m.metadata) for m in document.messages]
    assert states == [
        ("complete", "length", {"citations": citations, "voice": False}),
        ("incomplete", None, {}),
        ("incomplete", "interrupted", {}),
        ("failed", None, {"content": {"name": "oops"}, "status": "odd"}),
        ("complete", None, {"author_role": "critic"}),
    ]


def test_one_bad_conversation_does_not_stop_the_rest() -> None:
    good = conversation(tree())
    results = read_json(
        [
            {"title": "Corrupted entry", "id": "x"},
            good,
            "text",
            {**good, "conversation_id": "c2", "mapping": []},
            {**good, "conversation_id": "c3", "mapping": {"a": {"message": 5}}},
            {**good, "conversation_id": "c4", "mapping": {}},
        ]
    )
    kinds = [isinstance(result, DocumentConversation) for result in results]
    assert kinds == [False, True, False, False, False, True]
    assert [result.external_id for result in results] == ["x", "c1", None, "c2", "c3", "c4"]
    assert [result.index for result in results] == list(range(6))
    first = results[0]
    assert isinstance(first, DocumentFailure)
    assert first.reason == "it has no mapping of messages (byte 1)"


def test_without_an_id_the_content_gives_it() -> None:
    raw = conversation(tree(), conversation_id=None)
    [document] = read_json([raw])
    assert isinstance(document, DocumentConversation)
    assert len(document.external_id) == 32


def test_a_long_chain() -> None:
    count = 20_000
    mapping = {
        str(n): node(str(n - 1) if n else None, "user", text("x")) for n in reversed(range(count))
    }
    content = orjson.dumps([conversation(mapping, current_node=str(count - 1))])
    [document] = read_bytes(content)
    assert isinstance(document, DocumentConversation)
    assert [message.id for message in document.messages] == [str(n) for n in range(count)]
    assert document.active_leaf_id == str(count - 1)


def test_a_mapping_of_nonsense_fails_with_a_reason() -> None:
    mapping = {"a": {"parent": None, "message": ["x"]}}
    assert read_failure([{"mapping": mapping}]).reason.startswith("the message of node 'a'")
