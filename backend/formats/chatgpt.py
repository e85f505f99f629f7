"""ChatGPT's data export: a list of conversations, each with its messages as a ``mapping`` of nodes.

What becomes of a node:

- No message, or one with nothing in it (the empty system message each conversation begins with):
  stepped over.
- Hidden by ChatGPT (``is_visually_hidden_from_conversation``, ``weight`` 0): kept with
  ``{"hidden": true}`` in its metadata.
- ``thoughts`` and ``reasoning_recap``: an assistant's message of reasoning parts. It is not put
  into the answer below it: tools are called between the two, an answer made again hangs on the
  same thoughts, and one message for one node keeps ids and the active branch as they were.
- An assistant's message to a ``recipient`` other than "all": a tool's call; what the tool answers
  carries the call's id, which is the id of the calling node.
- Images, sounds and attachments: media parts by their asset pointers.
- Any other type of content: a data part.

Citations (``citations``, ``content_references``) and whatever else a message's metadata holds stay
in its metadata; ``end_turn`` and a ``weight`` of 1 are dropped.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chatgpt_content import content_of_node, is_failure
from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.message_fields import HIDDEN, ROLES, keep_unread_time
from backend.formats.times import read_time
from backend.formats.tree import Node, Tree, arrange, free_id
from backend.formats.values import as_dict, as_list, as_text, digest, extras, first_id

FORMAT = "chatgpt"

_CONVERSATION_KEYS = frozenset(
    {
        "id", "conversation_id", "title", "create_time", "update_time", "mapping", "current_node",
        "is_archived",
    }
)  # fmt: skip
_MESSAGE_KEYS = frozenset(
    {
        "id", "author", "create_time", "content", "status", "end_turn", "weight", "recipient",
        "metadata",
    }
)  # fmt: skip
_METADATA_KEYS = frozenset({"model_slug", "finish_details", "is_visually_hidden_from_conversation"})
_INCOMPLETE = frozenset({"in_progress", "finished_partial_completion"})
_USUAL_STATUS = _INCOMPLETE | {None, "finished_successfully"}
_FINISH = {"max_tokens": "length"}


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    conversation = as_dict(value)
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        raise BadConversation("it has no mapping of messages")
    default_model = as_text(conversation.get("default_model_slug"))
    tree = arrange(_nodes(mapping, None if default_model == "auto" else default_model))
    _join_calls(tree)
    return DocumentConversation(
        format=FORMAT,
        external_id=first_id(conversation, "conversation_id", "id") or digest(value),
        title=as_text(conversation.get("title")),
        messages=tree.messages,
        active_leaf_id=tree.active_leaf(as_text(conversation.get("current_node"))),
        metadata=extras(conversation, _CONVERSATION_KEYS),
        pinned=bool(conversation.get("is_starred") or conversation.get("pinned_time")),
        archived=conversation.get("is_archived") is True,
        created_at=read_time(conversation.get("create_time")),
        updated_at=read_time(conversation.get("update_time")),
        index=index,
    )


def _nodes(mapping: dict[str, Any], default_model: str | None) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for key, raw in mapping.items():
        name = key or free_id(mapping, None)
        node = raw if isinstance(raw, dict) else {}
        raw_message = node.get("message")
        message = _message(name, raw_message, default_model) if raw_message else None
        nodes[name] = Node(as_text(node.get("parent")), message, as_list(node.get("children")))
    return nodes


def _message(name: str, raw: Any, default_model: str | None) -> DocumentMessage | None:
    if not isinstance(raw, dict):
        raise BadConversation(f"the message of node {name[:60]!r} is not an object")
    metadata, author = as_dict(raw.get("metadata")), as_dict(raw.get("author"))
    role = as_text(author.get("role")) or "unknown"
    kept = extras(metadata, _METADATA_KEYS)
    parts = content_of_node(name, role, raw, metadata, kept)
    if not parts:
        return None
    message = DocumentMessage(name, None, role if role in ROLES else "assistant", parts)
    message.name = as_text(author.get("name"))
    message.metadata = kept
    for key in raw.keys() - _MESSAGE_KEYS:
        if raw[key] is not None:
            kept[key] = raw[key]
    if metadata.get("is_visually_hidden_from_conversation") is True or raw.get("weight") == 0:
        kept[HIDDEN] = True
    if role not in ROLES:
        kept["author_role"] = role
    if author.get("metadata"):
        kept["author_metadata"] = author["metadata"]
    if raw.get("id") != name and as_text(raw.get("id")):
        kept["message_id"] = raw["id"]
    _read_state(message, raw, metadata)
    if role == "assistant":
        message.model = as_text(metadata.get("model_slug")) or default_model
    keep_unread_time(message, "create_time", raw.get("create_time"))
    return message


def _read_state(message: DocumentMessage, raw: dict[str, Any], metadata: dict[str, Any]) -> None:
    finish = None
    if "finish_details" in metadata:
        finish = as_text(as_dict(metadata["finish_details"]).get("type"))
        message.finish_reason = _FINISH.get(finish or "", finish)
    status = as_text(raw.get("status"))
    if status in _INCOMPLETE or finish == "interrupted":
        message.status = "incomplete"
    elif is_failure(raw, metadata):
        message.status = "failed"
    if status not in _USUAL_STATUS:
        message.metadata["status"] = status


def _join_calls(tree: Tree) -> None:
    """Give each tool's answer the id of the call it hangs on: the nearest above it, in one pass."""
    calls: dict[str, str | None] = {}
    for message in tree.messages:
        above = calls.get(message.parent_id) if message.parent_id is not None else None
        called = next((part for part in message.parts if part["type"] == "tool_call"), None)
        if called is not None:
            above = called["call_id"]
        elif message.role == "user":
            above = None
        elif message.role == "tool" and above is not None:
            for part in message.parts:
                if part["type"] == "tool_result":
                    part["call_id"] = above
        calls[message.id] = above
