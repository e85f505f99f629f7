"""What can be expected to go wrong, each with a code a program can switch on.

Nothing here knows of HTTP or GraphQL: each transport translates.
"""

from __future__ import annotations

from typing import ClassVar


class ConversaError(Exception):
    """An expected failure. ``field`` is the path of the input at fault, outermost first."""

    code: ClassVar[str] = "INVALID"

    def __init__(self, message: str, *, field: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(ConversaError):
    """It does not exist, or belongs to somebody else: the two are not told apart."""

    code = "NOT_FOUND"


class Invalid(ConversaError):
    """The input is not what it has to be."""

    code = "INVALID"


class TooLarge(ConversaError):
    """The input is larger than a documented limit."""

    code = "TOO_LARGE"


class LimitExceeded(ConversaError):
    """More at once than is allowed."""

    code = "LIMIT_EXCEEDED"


class Forbidden(ConversaError):
    """The one who asks is known, and may not."""

    code = "FORBIDDEN"


class UnsupportedFormat(ConversaError):
    """The input is in no format that is known."""

    code = "UNSUPPORTED_FORMAT"


class TimedOut(ConversaError):
    """It took longer than it may, and was ended."""

    code = "TIMEOUT"


class NoEmbedder(ConversaError):
    """It takes an embedder, and none is configured."""

    code = "NO_EMBEDDER"


class EmbedderUnavailable(ConversaError):
    """The embedder that is configured cannot be used now; it may be later."""

    code = "EMBEDDER_UNAVAILABLE"


class Conflict(ConversaError):
    """The stored state is not the expected one; ``current_revision`` is the stored revision."""

    code = "CONFLICT"

    def __init__(
        self, message: str, *, field: tuple[str, ...] = (), current_revision: int | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.current_revision = current_revision


class OffsetMismatch(ConversaError):
    """Appended text does not start where the stored text ends; ``expected_offset`` does."""

    code = "OFFSET_MISMATCH"

    def __init__(self, message: str, *, expected_offset: int, field: tuple[str, ...] = ()) -> None:
        super().__init__(message, field=field)
        self.expected_offset = expected_offset


class ConfigurationError(Exception):
    """A setting that stops the start; its text is one line that says which and why."""
