"""What can go wrong with a chat file as a whole, and with one conversation of it."""

from __future__ import annotations


class UnsupportedFormat(Exception):
    """The input is in no chat format known here; the message says what was found."""


class BadConversation(ValueError):
    """One conversation that cannot be read; the message is the reason, for people to read."""
