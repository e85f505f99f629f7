"""The context window: what of a conversation goes to a model, and what was left out."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from backend.graphql.context import Info
from backend.graphql.execution.columns import reads
from backend.graphql.fields import leaf, resolved
from backend.graphql.limits import list_size
from backend.graphql.types.enums import ContextOrigin, LeftOutReason, RecallScope
from backend.graphql.types.messages import Message
from backend.repositories.records import ConversationRecord
from backend.services.context import ContextWindow as WindowView
from backend.services.recalling import DEFAULT_FLOOR, Recall
from backend.services.recalling import RecallScope as Scope

SCOPES: dict[RecallScope, Scope] = {
    RecallScope.ALL: "all",
    RecallScope.CONVERSATION: "conversation",
    RecallScope.OTHERS: "others",
}


From = Annotated[RecallScope, strawberry.argument(description="Where to look.")]
Floor = Annotated[
    float,
    strawberry.argument(
        description="Nothing is recalled that fits less well than this share of the best; 0 to 1."
    ),
]
Recency = Annotated[
    float,
    strawberry.argument(
        description="How much newness counts against fitting; 0 to 1. Newness halves every 30 days."
    ),
]
Alternatives = Annotated[
    bool,
    strawberry.argument(
        description="Whether also messages are recalled that are on no branch that is shown."
    ),
]


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
    recall: Annotated[
        int,
        strawberry.argument(
            description="At most so many found messages, each with its neighbours; 0 to 50."
        ),
    ] = 0,
    query: Annotated[
        str | None,
        strawberry.argument(
            description="What to look for, as in a search; by default the last user message."
        ),
    ] = None,
    leaf_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The last message of the branch; by default the active."),
    ] = None,
    recall_from: From = RecallScope.ALL,
    recall_floor: Floor = DEFAULT_FLOOR,
    recency_weight: Recency = 0.0,
    alternatives: Alternatives = False,
) -> WindowView:
    """The instructions, what is recalled, and the newest messages that fit."""
    asked = Recall(recall, query, SCOPES[recall_from], recall_floor, recency_weight, alternatives)
    return await info.context.services.context.window(
        info.context.viewer,
        root.id,
        max_tokens=max_tokens,
        recent=recent,
        recall=asked,
        leaf_id=leaf_id,
    )


def window_prompt(root: strawberry.Parent[WindowView]) -> Any:
    """The messages as a model takes them."""
    return root.prompt


@strawberry.type(description="Why a message was recalled.")
class RecallReason:
    rank: int | None = leaf("Its rank among what was found, from 1; null for a neighbour.")
    score: float | None = leaf("How well it fits, 1 being the best found; null for a neighbour.")
    lexical_rank: int | None = leaf("Its rank by words.")
    semantic_rank: int | None = leaf("Its rank by meaning.")
    neighbour_of: strawberry.ID | None = leaf("The found message it helps to understand.")


@strawberry.type(description="A message that was found and is not recalled.")
class LeftOutMessage:
    message_id: strawberry.ID = leaf("The message.")
    conversation_id: strawberry.ID = leaf("Its conversation.")
    reason: LeftOutReason = leaf("Why it is not here.")
    score: float = leaf("How well it fits, 1 being the best found.")


@strawberry.type(description="A message as it goes to a model.")
class ContextMessage:
    message: Message = leaf("The message.")
    origin: ContextOrigin = leaf("Why it is here.")
    content: str = leaf("The text that goes to the model.")
    token_count: int = leaf("Tokens it takes in the prompt.")
    reason: RecallReason | None = leaf("Why it was recalled; null where it was not.")


@strawberry.type(description="Ready to send to a model, and honest about what it left out.")
class ContextWindow:
    messages: list[ContextMessage] = leaf("What goes to the model, in order.")
    prompt: JSON = resolved(
        window_prompt, "The same as a list of {role, content, …} in OpenAI's chat form."
    )
    token_count: int = leaf("Tokens of the whole prompt; never more than maxTokens.")
    max_tokens: int = leaf("The most it was allowed to take.")
    omitted_count: int = leaf("Messages of the branch that were left out of the recent turns.")
    query: str | None = leaf("What was looked for to be recalled; null where nothing was.")
    left_out: list[LeftOutMessage] = leaf(
        "What was found and is not recalled, best first.", directives=[list_size(100)]
    )
