"""Plain chats: ``[{role, content}]``, ``{id?, title?, messages: […]}``, lists and lines of these.

ChatbotUI's files (``{version, history: [{id, name, model: {id}, messages}]}`` and the older bare
list) hold conversations of the same kind and are read as such; their folders and prompts are not
conversations and are left alone.
"""

from __future__ import annotations

from typing import Any

from backend.formats.document import DocumentConversation
from backend.formats.openai import read_messages

FORMAT = "plain"


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    return read_messages(value, index, FORMAT)
