"""Tables, constraints and indexes; nothing else. Importing this declares them all."""

from backend.models.api_keys import ApiKey
from backend.models.chunks import MessageChunk
from backend.models.conversations import Conversation, ConversationTag, ConversationTombstone
from backend.models.embeddings import ChunkVector, EmbeddingModel, QueuedChunk
from backend.models.messages import Message, MessageFeedback, MessageTombstone, MessageVersion
from backend.models.owners import Owner
from backend.models.search import (
    SearchChunk,
    SearchIndex,
    SearchPending,
    SearchPostings,
    SearchSegment,
)

__all__ = [
    "ApiKey",
    "ChunkVector",
    "Conversation",
    "ConversationTag",
    "ConversationTombstone",
    "EmbeddingModel",
    "Message",
    "MessageChunk",
    "MessageFeedback",
    "MessageTombstone",
    "MessageVersion",
    "Owner",
    "QueuedChunk",
    "SearchChunk",
    "SearchIndex",
    "SearchPending",
    "SearchPostings",
    "SearchSegment",
]
