"""The sizes beyond which input is refused; docs/graphql.md lists them, tests try their edges."""

from __future__ import annotations

TITLE_CHARACTERS = 300
CONTENT_BYTES = 1024 * 1024
METADATA_BYTES = 16 * 1024
TAGS = 32
TAG_CHARACTERS = 64
PARTS = 100
NAME_CHARACTERS = 200
BATCH_MESSAGES = 250
COMMENT_CHARACTERS = 4000
PAGE_SIZE = 200
CONVERSATIONS_DEFAULT = 20
MESSAGES_DEFAULT = 50
