"""Two rankings as one: a convex combination of their min-max normalised scores.

Bruch, Gai and Ingber 2023 ("An Analysis of Fusion Functions for Hybrid Retrieval") found it better
than reciprocal-rank fusion and not in need of tuning per collection; so it was here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from typing import NamedTuple, TypeVar

from backend.retrieval.dates import Days

Key = TypeVar("Key", bound=Hashable)

DEPTH = 100
"""How many of each side count; the last of them gets 0."""

LEXICAL_WEIGHT = 0.6
"""Of 1. From 0.5 to 0.7 the quality is the same within a point."""

DAY_BONUS = 0.5
"""Added to what was said on a day that the query names or in the week after it."""


class Fused(NamedTuple):
    """A combined score, and the rank from 1 on either side; None where it is not among the best."""

    score: float
    lexical_rank: int | None
    semantic_rank: int | None


def fuse(
    lexical: Mapping[Key, float],
    semantic: Mapping[Key, float] | None = None,
    *,
    weight: float = LEXICAL_WEIGHT,
    depth: int = DEPTH,
) -> dict[Key, Fused]:
    """The combined scores, from 0 to 1, of what is among the best of either side, in no order.

    Without a semantic side, or with an empty lexical one, the other side's scores stand alone.
    """
    ranked = _ranked(lexical, depth)
    near = _ranked(semantic or {}, depth)
    share = 1.0 if not near else weight if ranked else 0.0
    fused = {}
    for key in ranked.keys() | near.keys():
        word_score, word_rank = ranked.get(key, (0.0, None))
        near_score, near_rank = near.get(key, (0.0, None))
        fused[key] = Fused(share * word_score + (1 - share) * near_score, word_rank, near_rank)
    return fused


def with_days(
    fused: Mapping[Key, Fused],
    said: Mapping[Key, date],
    days: Iterable[Days],
    *,
    bonus: float = DAY_BONUS,
) -> dict[Key, Fused]:
    """The scores with the bonus added where ``said``, the day of each, is near one of ``days``."""
    named = tuple(days)
    return {
        key: hit._replace(score=hit.score + bonus * any(d.near(said[key]) for d in named))
        for key, hit in fused.items()
    }


def _ranked(scores: Mapping[Key, float], depth: int) -> dict[Key, tuple[float, int]]:
    """Normalised score and rank of the best; equal scores keep the order of the mapping."""
    best = sorted(scores.items(), key=lambda item: -item[1])[:depth]
    if not best:
        return {}
    high, low = best[0][1], best[-1][1]
    spread = high - low
    return {
        key: ((score - low) / spread if spread > 0 else 1.0, rank)
        for rank, (key, score) in enumerate(best, 1)
    }
