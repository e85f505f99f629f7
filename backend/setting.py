"""What a setting may be, and how it is read from text.

Some of what pydantic does, in its words. Pydantic itself is a fourteenth of a start and 7 MiB of a
server's memory; REST has it, and is loaded when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, get_args, get_origin

Names = tuple[str, ...]
"""Names with commas between them."""
Choice = int | None
"""A number, or None where nothing is given."""

_SWITCHES = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}


class SecretStr:
    """A text that is not shown where it is printed by mistake."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"SecretStr({'**********' if self._value else ''!r})"


def setting(
    default: object,
    *,
    description: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    check: Callable[[Any], Any] | None = None,
    shown: bool = True,
) -> Any:
    """A field of a dataclass of settings.

    ``check`` gets a value that was read, and returns it as it is to be or raises ValueError.
    """
    told = {"description": description, "ge": ge, "gt": gt, "le": le, "check": check}
    return field(default=default, repr=shown, metadata=told)


def read(
    hint: Any,
    given: object,
    *,
    ge: float | None,
    gt: float | None,
    le: float | None,
    check: Callable[[Any], Any] | None,
    **_: object,
) -> Any:
    """What was given, as the type that ``hint`` says; raises ValueError, whose text says what it
    should be and never what it was."""
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    value: Any = _one_of(choices, given) if choices else _READERS[hint](given)
    if ge is not None and value is not None and not value >= ge:
        raise ValueError(f"Input should be greater than or equal to {ge}")
    if gt is not None and not value > gt:
        raise ValueError(f"Input should be greater than {gt}")
    if le is not None and not value <= le:
        raise ValueError(f"Input should be less than or equal to {le}")
    return value if check is None else check(value)


def _one_of(choices: tuple[str, ...], given: object) -> str:
    for choice in choices:
        if given == choice:
            return choice
    *others, last = map(repr, choices)
    raise ValueError(f"Input should be {', '.join(others)} or {last}")


def _text(given: object) -> str:
    if isinstance(given, str):
        return given
    raise ValueError("Input should be a valid string")


def _integer(given: object) -> int:
    try:
        return int(given)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        reason = "Input should be a valid integer, unable to parse string as an integer"
        raise ValueError(reason) from None


def _number(given: object) -> float:
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        reason = "Input should be a valid number, unable to parse string as a number"
        raise ValueError(reason) from None


def _choice(given: object) -> Choice:
    return None if given is None or given == "" else _integer(given)


def _switch(given: object) -> bool:
    if isinstance(given, bool):
        return given
    found = _SWITCHES.get(str(given).lower())
    if found is None:
        raise ValueError("Input should be a valid boolean, unable to interpret input")
    return found


def _secret(given: object) -> SecretStr:
    return given if isinstance(given, SecretStr) else SecretStr(_text(given))


def _names(given: object) -> Names:
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list | tuple):
        raise ValueError("Input should be names with commas between them")
    return tuple(name.strip() for name in map(_text, names) if name.strip())


_READERS: dict[Any, Callable[[object], Any]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _switch,
    Choice: _choice,
    Names: _names,
    SecretStr: _secret,
}
