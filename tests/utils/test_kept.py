"""Attributes that are made when they are first asked for."""

from __future__ import annotations

from backend.utils.kept import kept


class Thing:
    """Counts how often its attribute is made."""

    made = 0

    @kept
    def whole(self) -> list[int]:
        """What it is made of."""
        self.made += 1
        return [self.made]


class Other(Thing):
    """Makes another one of it."""

    @kept
    def whole(self) -> list[int]:
        """What it is made of."""
        return []


def test_it_is_made_once_for_each_object() -> None:
    one, two = Thing(), Thing()
    assert one.whole is one.whole
    assert one.whole is not two.whole
    assert (one.made, two.made) == (1, 1)


def test_it_can_be_forgotten_and_made_anew() -> None:
    thing = Thing()
    assert thing.whole == [1]
    del thing.whole
    assert thing.whole == [2]


def test_a_subclass_may_make_another() -> None:
    assert Other().whole == []
    assert Thing.whole.__doc__ == "What it is made of."
