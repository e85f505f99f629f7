"""Any conversation that a reader may give, for property tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from backend.formats import (
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.formats.message_fields import ROLES, STATUSES
from backend.formats.tree import newest_leaf

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MARKUP = st.sampled_from(
    [
        '<details type="reasoning" done="true">\n<summary>S</summary>\n> x\n</details>',
        "<details>", "</details>", "```", ":::thinking\nx\n:::", "a\n\nb", " ", '{"a": 1}', "[1]",
    ]
)  # fmt: skip
WORDS = TEXTS | MARKUP
IDS = st.text(st.sampled_from("ab0#-é "), min_size=1, max_size=3)
NAMES = st.none() | TEXTS
SCALARS = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXTS
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=2)
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
COUNTS = st.none() | st.integers(0, 10**12)


def part(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


PARTS: st.SearchStrategy[Any] = st.one_of(
    part("text", text=WORDS),
    part("text", text=WORDS),
    part("reasoning", text=WORDS),
    part("tool_call", call_id=TEXTS, name=TEXTS, arguments=JSON),
    part("tool_result", call_id=TEXTS, name=NAMES, result=JSON | WORDS, is_error=st.booleans()),
    part("media", media_type=st.sampled_from(["image/png", "text/plain", "audio/*"]), url=TEXTS),
    part("media", media_type=TEXTS, url=TEXTS, name=NAMES, size=COUNTS),
    part("data", data_type=TEXTS, data=JSON),
)
PART_LISTS = st.lists(PARTS, max_size=3)
VERSIONS = st.builds(DocumentVersion, parts=PART_LISTS, replaced_at=TIMES)
FEEDBACK = st.builds(
    DocumentFeedback,
    rating=st.integers(-1, 1),
    comment=NAMES,
    tags=st.lists(TEXTS, max_size=1),
    updated_at=st.none() | TIMES,
)


@st.composite
def messages(draw: st.DrawFn, most: int = 5) -> list[DocumentMessage]:
    """A tree, or several, parents before their children."""
    names = draw(st.lists(IDS, unique=True, max_size=most))
    return [draw(message(name, names[:place])) for place, name in enumerate(names)]


def message(name: str, earlier: list[str]) -> st.SearchStrategy[DocumentMessage]:
    parents: st.SearchStrategy[str | None] = (
        st.none() | st.sampled_from(earlier) if earlier else st.none()
    )
    return st.builds(
        DocumentMessage,
        id=st.just(name),
        parent_id=parents,
        role=st.sampled_from(ROLES),
        parts=PART_LISTS,
        name=NAMES,
        status=st.sampled_from(STATUSES),
        finish_reason=NAMES,
        model=NAMES,
        input_tokens=COUNTS,
        output_tokens=COUNTS,
        reasoning_tokens=COUNTS,
        metadata=OBJECTS,
        created_at=st.none() | TIMES,
        edited_at=st.none() | TIMES,
        versions=st.lists(VERSIONS, max_size=1),
        feedback=st.none() | FEEDBACK,
    )


@st.composite
def documents(draw: st.DrawFn, index: int = 0) -> DocumentConversation:
    tree = draw(messages())
    parents = {message.parent_id for message in tree}
    leaves = [message.id for message in tree if message.id not in parents]
    return DocumentConversation(
        format=draw(st.sampled_from(["plain", "openwebui", "conversa"])),
        external_id=draw(TEXTS),
        title=draw(NAMES),
        messages=tree,
        active_leaf_id=draw(st.sampled_from(leaves)) if leaves else newest_leaf(tree),
        metadata=draw(OBJECTS),
        tags=draw(st.lists(TEXTS, max_size=3)),
        pinned=draw(st.booleans()),
        archived=draw(st.booleans()),
        created_at=draw(st.none() | TIMES),
        updated_at=draw(st.none() | TIMES),
        index=index,
    )


@st.composite
def document_lists(draw: st.DrawFn) -> list[DocumentConversation]:
    """Conversations whose ids differ, numbered as in a file."""
    count = draw(st.integers(1, 2))
    found = [draw(documents(index)) for index in range(count)]
    for document in found:
        document.external_id += f"#{document.index}"
    return found
