"""Python source as it is written: functions of the parent or value ``v`` and the run ``s``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import finalize

DEEPEST = 12
"""Blocks inside each other before a function of its own is written: Python takes twenty loops."""


class Body:
    """The lines of one function."""

    def __init__(self, depth: int = 1) -> None:
        self.lines: list[str] = []
        self.depth = depth

    def line(self, text: str) -> None:
        """Adds one line."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Adds what is written meanwhile, as a block."""
        self.line(header)
        self.depth += 1
        yield
        self.depth -= 1

    def collect(self, result: str, made: str, inner: Body, sources: Mapping[str, str]) -> None:
        """Adds what makes a list of all ``made``, for which ``inner`` has to run before; by names
        what they are taken from, side by side."""
        together = ", ".join(sources.values())
        together = f"zip({together}, strict=True)" if len(sources) > 1 else together
        header = f"for {', '.join(sources)} in {together}"
        if not inner.lines:
            self.line(f"{result} = [{made} {header}]")
            return
        self.line(f"{header}:")
        self.lines += [*inner.lines, "    " * inner.depth + f"{result}.append({made})"]


class Source:
    """Functions and the objects they name."""

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._names: dict[str, Any] = {}
        self._bound: dict[int, str] = {}
        self._count = 0

    def fresh(self, start: str) -> str:
        """A name that is not used yet."""
        self._count += 1
        return f"{start}{self._count}"

    def bind(self, start: str, thing: object) -> str:
        """The name of an object, whose kind it starts with."""
        name = self._bound.get(id(thing))
        if name is None:
            name = self._bound[id(thing)] = self.fresh(f"{start}_")
            self._names[name] = thing
        return name

    def function(self, write: Callable[[Body], str]) -> str:
        """The name of a function that returns the expression ``write`` answers."""
        name = self.fresh("f")
        body = Body()
        result = write(body)
        body.line(f"return {result}")
        self._functions.append("\n".join([f"def {name}(v, s):", *_usual(body.lines), *body.lines]))
        return name

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self._functions) + "\n"

    def ends_with(self, plan: object) -> None:
        """Lets go of what the functions name once the plan is gone: as they name each other, they
        are rings, which would stay until Python looks for rings among what is old."""
        finalize(plan, self._names.clear).atexit = False

    def compiled(self) -> dict[str, Any]:
        """The functions, by name."""
        # What clients write gets into the source only as names that GraphQL's grammar allows.
        exec(compile(self.text, "<operation>", "exec"), self._names)  # noqa: S102
        return self._names


def _usual(lines: Sequence[str]) -> Iterator[str]:
    """What most functions begin with, as far as these lines need it."""
    if any("info" in line for line in lines):
        yield "    info = s.info"
    if any(line.lstrip().startswith("pend(") for line in lines):
        yield "    pend = s.pending.append"
