"""The context window: what of a conversation goes to a model, and what was left out."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from backend.graphql.context import Info
from backend.graphql.execution.columns import reads
from backend.graphql.fields import leaf, resolved
from backend.graphql.types.enums import ContextOrigin
from backend.graphql.types.messages import Message
from backend.repositories.records import ConversationRecord
from backend.services.context import ContextWindow as WindowView


@reads("id")
async def conversation_context_window(
    root: strawberry.Parent[ConversationRecord],
    info: Info,
    max_tokens: Annotated[
        int, strawberry.argument(description="The most tokens the prompt may take.")
    ] = 4096,
    recent: Annotated[
        int | None, strawberry.argument(description="At most so many of the last messages.")
    ] = None,
    leaf_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The last message of the branch; by default the active."),
    ] = None,
) -> WindowView:
    """The newest messages that fit, reading no more than those."""
    return await info.context.services.context.window(
        info.context.viewer, root.id, max_tokens=max_tokens, recent=recent, leaf_id=leaf_id
    )


def window_prompt(root: strawberry.Parent[WindowView]) -> Any:
    """The messages as a model takes them."""
    return root.prompt


@strawberry.type(description="A message as it goes to a model.")
class ContextMessage:
    message: Message = leaf("The message.")
    origin: ContextOrigin = leaf("Why it is here.")
    content: str = leaf("The text that goes to the model.")
    token_count: int = leaf("Tokens it takes in the prompt.")


@strawberry.type(description="Ready to send to a model, and honest about what it left out.")
class ContextWindow:
    messages: list[ContextMessage] = leaf("What goes to the model, in order.")
    prompt: JSON = resolved(
        window_prompt, "The same as a list of {role, content, …} in OpenAI's chat form."
    )
    token_count: int = leaf("Tokens of the whole prompt; never more than maxTokens.")
    max_tokens: int = leaf("The most it was allowed to take.")
    omitted_count: int = leaf("Messages of the branch that were left out.")
