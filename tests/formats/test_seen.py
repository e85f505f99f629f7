"""What was met first is known, of however many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.formats.seen import Seen

HASHES = st.integers(-(2**63), 2**63 - 1)
# Of which many want the same slot.
ALIKE = st.sampled_from([count << 20 for count in range(-9, 9)])


@given(st.lists(HASHES | ALIKE, unique=True), st.lists(HASHES | ALIKE))
def test_it_is_a_dictionary(keys: list[int], others: list[int]) -> None:
    keys = [key for key in keys if key != 1]
    seen, known = Seen(), {}
    for place, key in enumerate(keys):
        seen.note(key, place)
        known[key] = place
    assert len(seen) == len(known)
    assert [seen.get(key) for key in keys] == [known[key] for key in keys]
    for key in set(others) - known.keys() - {0, 1}:
        assert seen.get(key) is None


def test_it_grows() -> None:
    seen = Seen()
    for place in range(10_000):
        seen.note(hash(("plain", str(place))), place)
    assert all(seen.get(hash(("plain", str(place)))) == place for place in range(10_000))
    assert seen.get(hash("none")) is None
