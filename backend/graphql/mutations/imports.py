"""Taking in old chats."""

from typing import TYPE_CHECKING, Any

import strawberry

from backend.graphql.context import Info
from backend.graphql.errors import payload
from backend.graphql.fields import resolved
from backend.graphql.mutations.arguments import Input
from backend.graphql.types.enums import stored
from backend.graphql.types.inputs import ImportConversationsInput
from backend.graphql.types.payloads import ImportConversationsPayload
from backend.lazy import Lazy

if TYPE_CHECKING:
    from backend.services import imports
else:
    imports = Lazy("backend.services.imports")


async def import_conversations(info: Info, input: Input[ImportConversationsInput]) -> Any:
    """Imports what the argument holds."""

    async def act() -> ImportConversationsPayload:
        report: Any = await info.context.services.imports.from_value(
            info.context.viewer,
            input.data,
            stored(input.format) if input.format else None,
            imports.ImportOptions(dry_run=input.dry_run),
        )
        return ImportConversationsPayload(report=report)

    return await payload(info, input, ImportConversationsPayload, act())


@strawberry.type
class ImportMutations:
    import_conversations: ImportConversationsPayload = resolved(
        import_conversations,
        "Takes in old chats; importing the same again changes nothing. Larger files go by REST.",
    )
