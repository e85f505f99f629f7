"""All use cases over one store, for the edges to call."""

from __future__ import annotations

from backend.repositories.store import Store
from backend.services.conversations import ConversationService
from backend.services.messages import MessageService


class Services:
    """One of each service. Reads need none: they go through ``store.read``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.conversations = ConversationService(store)
        self.messages = MessageService(store)
