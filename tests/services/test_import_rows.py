"""From documents to rows: ids, times, places in the tree, and what is too long."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from hypothesis import given

from backend import limits
from backend.errors import Invalid, TooLarge
from backend.formats.document import DocumentConversation, DocumentFeedback, DocumentVersion
from backend.ids import new_id
from backend.repositories.records import ConversationRows, MessageRecord
from backend.services.import_rows import EXTERNAL_ID_BYTES, conversation_rows, digest_of
from backend.utils.message_parts import text_part
from tests.support.documents import START, chain, document, document_message, documents

MINUTE = timedelta(minutes=1)


def shown(rows: ConversationRows) -> list[str]:
    """What the messages of the active branch say, in order."""
    active = sorted((row for row in rows.messages if row.active), key=lambda row: row.position)
    return [row.content for row in active]


class TestIds:
    """The same source, the same ids; our own ids stay."""

    def test_ids_are_the_same_each_time_and_say_when(self) -> None:
        first, second = conversation_rows(chain("a", "b")), conversation_rows(chain("a", "b"))
        assert first == second
        moments = [UUID(row.id).int >> 80 for row in first.messages]
        assert moments == [int((START + MINUTE * n).timestamp() * 1000) for n in range(2)]
        assert {UUID(row.id).version for row in first.messages} == {7}

    @pytest.mark.parametrize("other", [{"external_id": "c2"}, {"format": "claude"}])
    def test_another_source_has_other_ids(self, other: dict[str, str]) -> None:
        first, second = conversation_rows(chain("a")), conversation_rows(chain("a", **other))
        assert first.conversation.id != second.conversation.id
        assert first.messages[0].id != second.messages[0].id

    def test_message_ids_do_not_hang_on_what_may_be_added_later(self) -> None:
        before = conversation_rows(chain("a", title="x"))
        after = conversation_rows(chain("a", "b", title="y"))
        assert before.messages[0].id == after.messages[0].id
        assert before.conversation.id == after.conversation.id

    def test_our_own_export_keeps_its_ids(self) -> None:
        conversation_id, message_id = new_id(), new_id()
        own = document(
            [document_message(message_id.upper(), None)],
            format="conversa",
            external_id=conversation_id,
        )
        rows = conversation_rows(own)
        assert (rows.conversation.id, rows.messages[0].id) == (conversation_id, message_id)
        assert rows.conversation.source_format is None

    def test_origin_told_by_our_own_export_is_taken_over(self) -> None:
        forked_from = new_id()
        origin = {"source": {"format": "claude", "external_id": "x"}, "forked_from": forked_from}
        own = chain("a", format="conversa", metadata={"conversa": origin, "k": 1})
        conversation = conversation_rows(own).conversation
        assert (conversation.source_format, conversation.source_external_id) == ("claude", "x")
        assert conversation.forked_from_id == forked_from
        assert conversation.metadata_json == '{"k":1}'

    @pytest.mark.parametrize(
        "origin",
        [
            "x",
            {"source": "x"},
            {"source": {"format": "claude"}},
            {"source": {"format": "f" * 33, "external_id": "x"}},
            {"forked_from": "x"},
            {"forked_from": 7},
        ],
    )
    def test_origin_that_makes_no_sense_is_refused(self, origin: object) -> None:
        with pytest.raises(Invalid):
            conversation_rows(chain("a", format="conversa", metadata={"conversa": origin}))


class TestTree:
    """Positions, the active branch, and the order in which messages are numbered."""

    def test_branches_keep_their_places(self) -> None:
        rows = conversation_rows(
            document(
                [
                    document_message("a", None),
                    document_message("b", "a"),
                    document_message("b2", "a"),
                    document_message("c", "b"),
                    document_message("other root", None),
                ],
                active_leaf_id="c",
            )
        )
        assert [row.position for row in rows.messages] == [1, 2, 2, 3, 1]
        assert shown(rows) == ["a", "b", "c"]
        assert rows.conversation.message_count == 3
        assert rows.leaf_id == rows.messages[3].id
        assert [row.added_revision for row in rows.messages] == [2, 3, 4, 5, 6]
        assert rows.conversation.revision == 6

    @pytest.mark.parametrize("leaf", ["a", None, "unknown"])
    def test_active_branch_goes_on_to_its_newest_end(self, leaf: str | None) -> None:
        messages = [
            document_message("a", None),
            document_message("b", "a"),
            document_message("b2", "a"),
        ]
        assert shown(conversation_rows(document(messages, active_leaf_id=leaf))) == ["a", "b2"]

    def test_chain_of_a_hundred_thousand(self) -> None:
        rows = conversation_rows(chain(*map(str, range(100_000))))
        assert rows.conversation.message_count == rows.messages[-1].position == 100_000
        assert all(row.active for row in rows.messages)

    @pytest.mark.parametrize(
        "messages",
        [
            [document_message("a", "b"), document_message("b", None)],
            [document_message("a", "a")],
            [document_message("a", None), document_message("a", None)],
        ],
    )
    def test_tree_that_is_none_is_refused(self, messages: list[object]) -> None:
        with pytest.raises(Invalid):
            conversation_rows(document(messages))  # type: ignore[arg-type]

    @given(documents())
    def test_any_document_makes_a_sound_conversation(self, found: DocumentConversation) -> None:
        rows = conversation_rows(found)
        by_id = {row.id: row for row in rows.messages}
        assert len(by_id) == len(found.messages)
        for row in rows.messages:
            parent = by_id.get(row.parent_id or "")
            assert row.position == (parent.position + 1 if parent else 1)
            assert not parent or parent.added_revision < row.added_revision
            assert not parent or parent.active or not row.active
        active = [row for row in rows.messages if row.active]
        assert len(active) == rows.conversation.message_count
        assert not {row.id for row in active} ^ _path(rows.leaf_id, by_id)
        assert rows.leaf_id not in {row.parent_id for row in rows.messages if row.parent_id}
        assert len(rows.conversation.title) <= limits.TITLE_CHARACTERS
        assert all(0 < len(tag) <= limits.TAG_CHARACTERS for tag in rows.tags)


def _path(leaf_id: str | None, by_id: dict[str, MessageRecord]) -> set[str]:
    path: set[str] = set()
    while leaf_id is not None:
        path.add(leaf_id)
        leaf_id = by_id[leaf_id].parent_id
    return path


class TestTimes:
    """Old messages are old, also where their source does not say how old."""

    def test_conversation_is_as_old_as_its_source_says(self) -> None:
        rows = conversation_rows(chain("a", "b", updated_at=START + MINUTE * 9))
        found = rows.conversation
        assert (found.created_at, found.updated_at) == (START, START + MINUTE * 9)
        assert found.last_message_at == found.last_activity_at == START + MINUTE

    def test_message_without_a_time_takes_its_parents(self) -> None:
        messages = [
            document_message("a", None),
            document_message("b", "a", created_at=START + MINUTE),
            document_message("c", "b"),
        ]
        rows = conversation_rows(document(messages))
        assert [row.created_at - START for row in rows.messages] == [MINUTE * 0, MINUTE, MINUTE]

    def test_first_message_without_any_time_takes_the_earliest_there_is(self) -> None:
        messages = [document_message("a", None), document_message("b", "a", created_at=START)]
        rows = conversation_rows(document(messages, created_at=None))
        assert [row.created_at for row in rows.messages] == [START, START]
        assert rows.conversation.created_at == START

    def test_only_the_time_of_the_last_change_is_better_than_none(self) -> None:
        found = document([document_message("a", None)], created_at=None, updated_at=START)
        rows = conversation_rows(found)
        assert rows.messages[0].created_at == rows.conversation.last_activity_at == START

    def test_edited_message_was_edited_when_its_last_version_was_replaced(self) -> None:
        versions = [DocumentVersion([text_part("old")], START)]
        rows = conversation_rows(document([document_message("a", None, versions=versions)]))
        assert rows.messages[0].edited_at == START
        assert [(row.number, row.content) for row in rows.versions] == [(1, "old")]


class TestSizes:
    """What is too long is cut where an index needs it, and kept; or refused with the reason."""

    def test_title_at_the_limit_stays(self) -> None:
        title = "x" * limits.TITLE_CHARACTERS
        found = conversation_rows(chain("a", title=title)).conversation
        assert (found.title, found.metadata_json) == (title, None)

    def test_title_over_the_limit_is_cut_and_stays_whole_in_the_metadata(self) -> None:
        title = "x" * (limits.TITLE_CHARACTERS + 1)
        found = conversation_rows(chain("a", title=title)).conversation
        assert found.title == "x" * (limits.TITLE_CHARACTERS - 1) + "…"
        assert orjson.loads(found.metadata_json or "") == {"original_title": title}

    def test_tags_that_do_not_fit_stay_in_the_metadata(self) -> None:
        tags = ["fits", " fits ", "", "y" * (limits.TAG_CHARACTERS + 1)]
        rows = conversation_rows(chain("a", tags=tags))
        assert rows.tags == ["fits"]
        told = orjson.loads(rows.conversation.metadata_json or "")
        assert told == {"original_tags": ["fits", tags[3]]}

    def test_no_title_is_made_from_what_the_user_said_first(self) -> None:
        messages = [
            document_message("s", None, role="system", text="Be kind"),
            document_message("u", "s", text="What is a keyset?"),
        ]
        found = conversation_rows(document(messages, title=None)).conversation
        assert found.title == "What is a keyset?"

    def test_content_at_the_limit_is_taken(self) -> None:
        text = "é" * (limits.CONTENT_BYTES // 2)
        rows = conversation_rows(document([document_message("a", None, text=text)]))
        assert rows.messages[0].content == text

    @pytest.mark.parametrize(
        "values",
        [
            {"text": "é" * (limits.CONTENT_BYTES // 2) + "x"},
            {"metadata": {"k": "x" * limits.CONTENT_BYTES}},
            {"parts": [{"type": "reasoning", "text": "x" * limits.CONTENT_BYTES}]},
            {"name": "x" * (limits.CONTENT_BYTES + 1)},
        ],
    )
    def test_what_is_larger_than_a_message_may_be_is_refused(
        self, values: dict[str, object]
    ) -> None:
        with pytest.raises(TooLarge):
            conversation_rows(document([document_message("a", None, **values)]))

    def test_metadata_may_be_larger_than_a_client_may_send(self) -> None:
        metadata = {"k": "x" * limits.METADATA_BYTES}
        rows = conversation_rows(document([document_message("a", None, metadata=metadata)]))
        assert orjson.loads(rows.messages[0].metadata_json or "") == metadata

    def test_source_id_that_no_index_takes_is_refused(self) -> None:
        conversation_rows(chain("a", external_id="é" * (EXTERNAL_ID_BYTES // 2)))
        with pytest.raises(TooLarge):
            conversation_rows(chain("a", external_id="é" * (EXTERNAL_ID_BYTES // 2) + "x"))

    @pytest.mark.parametrize(
        "values",
        [
            {"role": "robot"},
            {"status": "streaming"},
            {"input_tokens": -1},
            {"output_tokens": 2**53},
            {"feedback": DocumentFeedback(2)},
            {"metadata": {"k": {1, 2}}},
        ],
    )
    def test_bad_data_is_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(Invalid):
            conversation_rows(document([document_message("a", None, **values)]))


class TestDigest:
    """A digest tells whether a source says the same as before."""

    def test_place_in_the_file_does_not_count(self) -> None:
        assert digest_of(chain("a", index=1)) == digest_of(chain("a", index=2))

    @pytest.mark.parametrize(
        "other",
        [chain("a", title="x"), chain("b"), chain("a", archived=True), chain("a", "b")],
    )
    def test_everything_else_counts(self, other: DocumentConversation) -> None:
        assert digest_of(chain("a")) != digest_of(other)
