"""Lexical ranking: BM25 over a message's words and, at lower weight, those of the turns around it.

In a conversation the words of an answer often stand in the turns before it, so a chunk is scored by
its own term frequencies plus a share of its neighbours' (BM25F, Robertson, Zaragoza and Taylor
2004, with the fields "own" and "turns around"). The index knows own words only. Search therefore
has two stages: the best chunks by their own words are the *seeds*; they and the turns near them are
then scored in full. With 64 seeds among 14,000 messages this finds what scoring all of them finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from backend.lazy import Lazy
from backend.retrieval.postings import Postings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")

Numbers: TypeAlias = "NDArray[np.uint32]"
Scores: TypeAlias = "NDArray[np.float32]"

SEEDS = 64
TURNS_BEFORE = 4
TURNS_AFTER = 2
COUNTED_TERMS = 24
"""The rarest terms of a query that count; a question has about six."""


@dataclass(frozen=True)
class Bm25:
    """The few numbers of the formula, found on three conversations and held against two others.

    ``k1`` bounds what repeating a term adds, ``b`` what length takes away. The turn before counts
    ``step`` × 4, the one before that ``step`` × 3 and so on; the next turn ``step`` × 2, the second
    next ``step`` × 1.
    """

    k1: float = 0.8
    b: float = 0.5
    step: float = 0.1


class Statistics(NamedTuple):
    """What one owner's index holds: chunks, and the sum of their lengths in terms."""

    chunks: int
    terms: int

    @property
    def mean_length(self) -> float:
        return max(self.terms / self.chunks, 1.0) if self.chunks else 1.0


class Turn(NamedTuple):
    """A chunk in its place: ``ordinal`` counts a message's chunks from 0, ``length`` is in terms.

    ``active`` tells which of a message's children its conversation goes on with. What is ranked
    may be longer tuples that begin with these.
    """

    number: int
    message_id: str
    ordinal: int
    length: int
    parent_id: str | None
    active: bool


class _Columns(NamedTuple):
    """Turns by what is known of them."""

    numbers: tuple[int, ...]
    message_ids: tuple[str, ...]
    ordinals: tuple[int, ...]
    lengths: tuple[int, ...]
    parent_ids: tuple[str | None, ...]
    active: tuple[bool, ...]


def rarity(term_chunks: int, all_chunks: int) -> float:
    """The weight of a term: BM25's inverse document frequency, in the form that is not negative."""
    return float(np.log1p((all_chunks - term_chunks + 0.5) / (term_chunks + 0.5)))


def counted(index: Mapping[str, Postings]) -> dict[str, Postings]:
    """The terms worth counting: long queries are ranked by their rarest terms."""
    rarest = sorted(index, key=lambda term: len(index[term]))[:COUNTED_TERMS]
    return {term: index[term] for term in rarest}


def holding_all(index: Mapping[str, Postings], terms: Iterable[str]) -> Numbers:
    """The chunks that hold every one of the terms, of which there is at least one; ascending."""
    missing = np.empty(0, np.uint32)
    lists = sorted((index[t].numbers if t in index else missing for t in terms), key=len)
    found = lists[0]
    for numbers in lists[1:]:
        found = found[_is_among(found, numbers)]
    return found


def holding_any(index: Mapping[str, Postings], terms: Iterable[str]) -> Numbers:
    """The chunks that hold at least one of the terms; ascending."""
    lists = [index[t].numbers for t in terms if t in index]
    return np.unique(np.concatenate(lists)) if lists else np.empty(0, np.uint32)


def seeds(
    index: Mapping[str, Postings],
    statistics: Statistics,
    *,
    within: Sequence[Numbers] = (),
    outside: Numbers | None = None,
    limit: int = SEEDS,
    bm25: Bm25 | None = None,
) -> Numbers:
    """The best chunks by their own words, best first.

    They lie in each of ``within`` and not in ``outside``, all ascending.
    """
    formula = bm25 or Bm25()
    index = counted(index)
    last = max((int(p.numbers[-1]) for p in index.values() if len(p)), default=0)
    # One slot a chunk number; pages of it that no posting touches cost nothing.
    total = np.zeros(last + 1, np.float32)
    touched = []
    for postings in index.values():
        numbers, score = postings.numbers, _own_score(postings, statistics, formula)
        keep = _admitted(numbers, within, outside)
        if keep is not None:
            numbers, score = numbers[keep], score[keep]
        total[numbers] += score
        touched.append(numbers)
    if not touched:
        return np.empty(0, np.uint32)
    return _best(np.concatenate(touched), total, limit, len(touched))


def rescore(
    turns: Sequence[tuple[Any, ...]],
    index: Mapping[str, Postings],
    statistics: Statistics,
    bm25: Bm25 | None = None,
) -> Scores:
    """The full score of each turn, with its neighbours among ``turns``; 0 where nothing matches.

    A neighbour that exists but is not among ``turns`` is taken to be of mean length, without the
    query's terms. ``turns`` are ``Turn`` or tuples that begin as it does.
    """
    formula = bm25 or Bm25()
    index = counted(index)
    if not turns or not index:
        return np.zeros(len(turns), np.float32)
    columns = _Columns(*tuple(zip(*turns, strict=True))[: len(_Columns._fields)])
    around = _Neighbours(columns, statistics.mean_length)
    norm = formula.k1 * (
        1 - formula.b + formula.b * around.lengths / (statistics.mean_length * around.width)
    )
    numbers = np.array(columns.numbers, np.uint32)
    frequencies = np.array([_frequencies(postings, numbers) for postings in index.values()])
    scores = np.zeros(len(turns), np.float32)
    for postings, frequency in zip(
        index.values(), around.spread(frequencies, formula.step), strict=True
    ):
        weight = rarity(len(postings), statistics.chunks)
        scores += np.float32(weight) * frequency / (frequency + norm)
    return scores


class _Neighbours:
    """For each turn, where its neighbours stand in the list, and the length of them all."""

    width = 1 + TURNS_BEFORE + TURNS_AFTER

    def __init__(self, columns: _Columns, mean_length: float) -> None:
        before, after = _links(columns)
        self._paths = [_walk(before, TURNS_BEFORE), _walk(after, TURNS_AFTER)]
        begins = [
            parent is None and not ordinal
            for parent, ordinal in zip(columns.parent_ids, columns.ordinals, strict=True)
        ]
        own = np.array(columns.lengths, np.float32)
        self.lengths = own + mean_length * _cut_off(self._paths[0], np.array(begins))
        padded = np.append(own, np.float32(0))
        for path in chain.from_iterable(self._paths):
            self.lengths += padded[path]

    def spread(self, frequencies: Scores, step: float) -> Scores:
        """A row of frequencies for each term: each turn's with its neighbours' at their weights."""
        # A column of zeros at the end, which index -1 leads to where a path has ended.
        padded = np.pad(frequencies, ((0, 0), (0, 1)))
        total = frequencies.copy()
        for paths in self._paths:
            for distance, path in enumerate(paths):
                total += np.float32(step * (len(paths) - distance)) * padded[:, path]
        return total


def _links(columns: _Columns) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The index of the turn before and of the turn after each; -1 where there is none."""
    ids, ordinals, active = columns.message_ids, columns.ordinals, columns.active
    count = len(ids)
    place = dict(zip(zip(ids, ordinals, strict=True), range(count), strict=True))
    ascending = sorted(range(count), key=ordinals.__getitem__)
    last: dict[str | None, int] = {ids[i]: i for i in ascending}
    before, after = [-1] * count, [-1] * count
    for i, (message_id, ordinal, parent_id) in enumerate(
        zip(ids, ordinals, columns.parent_ids, strict=True)
    ):
        previous = (
            place.get((message_id, ordinal - 1), -1) if ordinal else last.get(parent_id or "", -1)
        )
        if previous >= 0:
            before[i] = previous
            if after[previous] < 0 or active[i]:
                after[previous] = i
    return np.array(before, np.intp), np.array(after, np.intp)


def _walk(link: NDArray[np.intp], steps: int) -> list[NDArray[np.intp]]:
    """Where one, two, … steps along the links lead; -1 once they end."""
    extended = np.append(link, -1)
    paths = [link]
    while len(paths) < steps:
        paths.append(extended[paths[-1]])
    return paths


def _cut_off(paths: Sequence[NDArray[np.intp]], first: NDArray[np.bool_]) -> Scores:
    """How many turns before each are missing although its branch does not begin there."""
    begun = first.copy()
    padded = np.append(first, False)
    missing = np.zeros(len(first), np.float32)
    for path in paths:
        missing += (path < 0) & ~begun
        begun |= padded[path]
    return missing


def _own_score(postings: Postings, statistics: Statistics, formula: Bm25) -> Scores:
    relative = postings.lengths / np.float32(statistics.mean_length)
    norm = np.float32(formula.k1) * (1 - formula.b + formula.b * relative)
    weight = np.float32(rarity(len(postings), statistics.chunks))
    return (weight * postings.frequencies / (postings.frequencies + norm)).astype(np.float32)


def _admitted(
    numbers: Numbers, within: Sequence[Numbers], outside: Numbers | None
) -> NDArray[np.bool_] | None:
    keep: NDArray[np.bool_] | None = None
    for allowed in within:
        mask = _is_among(numbers, allowed)
        keep = mask if keep is None else keep & mask
    if outside is not None and len(outside):
        mask = ~_is_among(numbers, outside)
        keep = mask if keep is None else keep & mask
    return keep


def _is_among(numbers: Numbers, ascending: Numbers) -> NDArray[np.bool_]:
    if not len(ascending):
        return np.zeros(len(numbers), np.bool_)
    at = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[at] == numbers
    return found


def _best(touched: Numbers, total: Scores, limit: int, lists: int) -> Numbers:
    """The ``limit`` best of the touched chunks, each of which is there up to ``lists`` times."""
    score = total[touched]
    enough = limit * lists
    if len(touched) > enough:
        touched = touched[np.argpartition(-score, enough - 1)[:enough]]
    distinct = np.unique(touched)
    return distinct[np.argsort(-total[distinct], kind="stable")][:limit]


def _frequencies(postings: Postings, numbers: Numbers) -> Scores:
    found = np.zeros(len(numbers), np.float32)
    if len(postings):
        at = np.minimum(np.searchsorted(postings.numbers, numbers), len(postings) - 1)
        match = postings.numbers[at] == numbers
        found[match] = postings.frequencies[at[match]]
    return found
