"""Runs a benchmark by its name, `requests` where none is given, and lists them.

    python -m benchmarks [NAME] [its options]
    python -m benchmarks --list

`python -m benchmarks.NAME` is the same.
"""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
USUAL = "requests"


def listed() -> dict[str, str]:
    """The names of the benchmarks, and what each one's first line says."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py")):
        told = ast.get_docstring(ast.parse(path.read_text())) or ""
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        if f"python -m benchmarks.{name}" in told:
            found[name] = told.splitlines()[0]
    return found


def main() -> None:
    """Reads the first argument; the others are the benchmark's."""
    name = USUAL
    if len(sys.argv) > 1 and (not sys.argv[1].startswith("-") or sys.argv[1] == "--list"):
        name = sys.argv.pop(1)
    known = listed()
    if name not in known:
        for each, told in known.items():
            print(f"{each:24}{told}")
        sys.exit(0 if name == "--list" else f"There is no benchmark {name!r}.")
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
