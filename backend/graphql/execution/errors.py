"""Why an operation is left to graphql-core."""

from __future__ import annotations


class Unsupported(Exception):
    """The compiler has no code for this, or a value turned up that the code was not made for."""
