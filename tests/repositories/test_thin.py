"""Records of which only some columns were read."""

from __future__ import annotations

from datetime import UTC, datetime

from backend.repositories.records import FeedbackRecord
from backend.repositories.thin import UNREAD, thin_record

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
Thin = thin_record(FeedbackRecord, ["message_id", "updated_at"], [None, datetime.fromisoformat])
ROW: FeedbackRecord = tuple.__new__(Thin, ("m", MOMENT.isoformat()))


def test_it_is_a_record_whose_other_fields_are_unread() -> None:
    assert isinstance(ROW, FeedbackRecord)
    assert (ROW.message_id, ROW.updated_at) == ("m", MOMENT)
    assert all(getattr(ROW, name) is UNREAD for name in ("rating", "comment", "tags_json"))


def test_whole_ones_are_made_of_it_by_name() -> None:
    changed = ROW._replace(rating=1, comment=None, tags_json="[]")
    assert changed == FeedbackRecord("m", 1, None, "[]", MOMENT)
    assert type(changed) is FeedbackRecord
    assert ROW._asdict()["updated_at"] == MOMENT
    assert repr(ROW).startswith("FeedbackRecord(message_id='m', rating=")
