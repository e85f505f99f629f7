"""Conversa: conversations with language models, kept in SQL, served over GraphQL and REST."""

from __future__ import annotations

import gc

__version__ = "0.1.0"

# A start makes a million objects that stay, a large answer a hundred thousand that go at once. By
# default Python looks for cycles among the young at every 700: a tenth of a start's time.
gc.set_threshold(20_000, 20, 100)
