"""Bytes near to what is as it should be, for hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    b"null", b"[]", b"{}", b"42", b"-1", b"1e999", b"9" * 30, b'"\\u0000"', b'"\\ud800"', b"\0",
    b"\xff", b"\xef\xbb\xbf", b"true", b'""', b"[" * 300, b'{"a":' * 120, b"\n", b'"', b"\\", b",",
    b"2147483648", b"9223372036854775808", b"$id", b"...F", b"@skip", b"{__typename}", b"NaN",
    "\U0001f600\u202e".encode(), b"9999-12-31T23:59:59+00:00", b"0001-01-01T00:00:00-23:59",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with up to five pieces of it replaced by others."""
    data = draw(st.sampled_from(seeds))
    pieces = st.sampled_from(TOKENS) | st.binary(max_size=8) | st.sampled_from(seeds)
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        data = data[:start] + draw(pieces) + data[end:]
    return data


def anything(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """What comes near, most of the time, and anything else."""
    return st.one_of(mutated(seeds), mutated(seeds), st.binary(max_size=200))
