"""All use cases over one store, for the edges to call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from backend.lazy import Lazy
from backend.repositories.store import Store
from backend.services.context import ContextService
from backend.services.conversations import ConversationService
from backend.services.embedding import EmbeddingWork
from backend.services.embedding_keeper import EmbeddingKeeper
from backend.services.embedding_models import EmbeddingModels
from backend.services.index_upkeep import IndexUpkeep
from backend.services.indexing import IndexingService
from backend.services.live import LiveService
from backend.services.messages import MessageService
from backend.services.search import SearchService
from backend.services.semantic import SemanticService
from backend.services.streaming import StreamingService

if TYPE_CHECKING:
    from backend.services import checks, exports, imports
else:
    checks = Lazy("backend.services.checks")
    exports = Lazy("backend.services.exports")
    imports = Lazy("backend.services.imports")


class Services:
    """One of each service. Reads need none: they go through ``store.read``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.indexing = IndexingService(store)
        self.upkeep = IndexUpkeep(store, self.indexing)
        models = EmbeddingModels(store)
        self.embedding = EmbeddingKeeper(EmbeddingWork(store, models), models)
        if models.is_configured:
            self.indexing.for_vectors = self.embedding.queue
        self.search = SearchService(store, SemanticService(store, models))
        self.conversations = ConversationService(store)
        self.messages = MessageService(store, self.indexing)
        self.streaming = StreamingService(store)
        self.context = ContextService(store, self.search)
        self.live = LiveService(store, store.bus)

    @cached_property
    def imports(self) -> imports.ImportService:
        """Old chats in."""
        return imports.ImportService(self.store)

    @cached_property
    def exports(self) -> exports.ExportService:
        """All chats out."""
        return exports.ExportService(self.store)

    @cached_property
    def checks(self) -> checks.CheckService:
        """Whether what is stored is in itself consistent."""
        return checks.CheckService(self.store)
