from __future__ import annotations

import dataclasses

import pytest

from backend.security.viewer import LOCAL_VIEWER, Viewer


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((), set()),
        (("read",), {"read"}),
        (("write",), {"read", "write"}),
        (("admin",), {"read", "write", "admin"}),
    ],
)
def test_a_scope_holds_those_below_it(scopes: tuple[str, ...], allowed: set[str]) -> None:
    viewer = Viewer("ann", "Ann", scopes)

    assert {scope for scope in ("read", "write", "admin") if viewer.may(scope)} == allowed


def test_an_unknown_scope_is_a_mistake_in_the_code() -> None:
    with pytest.raises(KeyError, match="delete"):
        LOCAL_VIEWER.may("delete")


def test_a_viewer_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LOCAL_VIEWER.owner_id = "eve"  # type: ignore[misc]
