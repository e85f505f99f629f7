"""The schema, put together and printed."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from backend.graphql.errors import ErrorMasker
from backend.graphql.hooks import HookRunner
from backend.graphql.mutations.conversations import ConversationMutations
from backend.graphql.mutations.imports import ImportMutations
from backend.graphql.mutations.messages import MessageMutations
from backend.graphql.mutations.streaming import StreamingMutations
from backend.graphql.printing import sorted_sdl
from backend.graphql.queries.conversations import ConversationQueries
from backend.graphql.queries.nodes import NodeQueries
from backend.graphql.queries.search import SearchQueries
from backend.graphql.queries.viewer import ViewerQueries
from backend.graphql.scalars import SCALARS
from backend.graphql.subscriptions.conversations import Subscription
from backend.graphql.types.conversations import Conversation
from backend.graphql.types.messages import Message


@strawberry.type(description="Everything that can be read.")
class Query(NodeQueries, ConversationQueries, SearchQueries, ViewerQueries):
    pass


@strawberry.type(description="Everything that can be changed.")
class Mutation(ConversationMutations, MessageMutations, StreamingMutations, ImportMutations):
    pass


class Schema(strawberry.Schema):
    """A schema that leaves logging to ErrorMasker: expected failures are not worth a traceback."""

    def _warn_for_federation_directives(self) -> None:
        """Does nothing: there are none, and to look for one loads all kinds, 1 % of a start."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Does nothing."""

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> HookRunner:
        """Our own runner of hooks. An admitted operation is not parsed and validated again."""
        admission = getattr(execution_context.context, "admission", None)
        if admission is not None:
            execution_context.graphql_document = admission.prepared.document
            execution_context.pre_execution_errors = []
        return HookRunner(execution_context, extensions)


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Conversation, Message],
    extensions=[ErrorMasker],
    config=StrawberryConfig(scalar_map=SCALARS),
)


def print_schema() -> str:
    """The schema in its definition language, sorted, as schema.graphql holds it."""
    return sorted_sdl(schema)
