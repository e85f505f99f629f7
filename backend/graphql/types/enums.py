"""Enums of the schema. Their values are what is stored and what REST says."""

from enum import Enum

import strawberry


def stored(member: Enum) -> str:
    """A member as it is stored and as REST says it."""
    return str(member.value)


@strawberry.enum(description="Who speaks.")
class Role(Enum):
    SYSTEM = strawberry.enum_value("system", description="Instructions that frame it all.")
    DEVELOPER = strawberry.enum_value("developer", description="Instructions of the application.")
    USER = strawberry.enum_value("user", description="The person.")
    ASSISTANT = strawberry.enum_value("assistant", description="The model.")
    TOOL = strawberry.enum_value("tool", description="What a tool answered.")


@strawberry.enum(description="Whether a message is all there.")
class MessageStatus(Enum):
    STREAMING = strawberry.enum_value("streaming", description="Text is still being appended.")
    COMPLETE = strawberry.enum_value("complete", description="It is all there.")
    INCOMPLETE = strawberry.enum_value("incomplete", description="It broke off.")
    FAILED = strawberry.enum_value("failed", description="An error ended it.")


@strawberry.enum(description="Which way an order runs.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("asc", description="Smallest or oldest first.")
    DESC = strawberry.enum_value("desc", description="Largest or newest first.")


@strawberry.enum(description="What conversations are ordered by.")
class ConversationOrderField(Enum):
    LAST_ACTIVITY = strawberry.enum_value(
        "last_activity", description="When the newest message was written."
    )
    CREATED_AT = strawberry.enum_value("created_at", description="When it was made.")
    TITLE = strawberry.enum_value(
        "title", description="The title, without regard to case and accents."
    )


@strawberry.enum(description="Which messages of the tree.")
class BranchScope(Enum):
    ACTIVE = strawberry.enum_value("active", description="The branch that is shown.")
    ALL = strawberry.enum_value("all", description="Every message, in the order of adding.")


@strawberry.enum(description="Why a message is in a context window.")
class ContextOrigin(Enum):
    SYSTEM = strawberry.enum_value("system", description="It opens the conversation.")
    RECALLED = strawberry.enum_value("recalled", description="It was found to matter.")
    RECENT = strawberry.enum_value("recent", description="It is one of the last turns.")


@strawberry.enum(description="From where messages are recalled.")
class RecallScope(Enum):
    ALL = strawberry.enum_value("all", description="From every conversation, this one included.")
    CONVERSATION = strawberry.enum_value("conversation", description="From this one alone.")
    OTHERS = strawberry.enum_value("others", description="From every one but this.")


@strawberry.enum(description="Why a message that was found is not recalled.")
class LeftOutReason(Enum):
    RECENT = strawberry.enum_value("recent", description="It is among the recent ones.")
    BRANCH = strawberry.enum_value("branch", description="It is on no branch that is shown.")
    DUPLICATE = strawberry.enum_value("duplicate", description="Its text is there already.")
    FLOOR = strawberry.enum_value("floor", description="It fits the query too little.")
    LIMIT = strawberry.enum_value("limit", description="As many as were asked for fit better.")
    CALL = strawberry.enum_value("call", description="The call that it answers is not there.")
    ROOM = strawberry.enum_value("room", description="It takes more tokens than are left.")


@strawberry.enum(description="What a search goes by.")
class SearchMode(Enum):
    LEXICAL = strawberry.enum_value("lexical", description="The words.")
    SEMANTIC = strawberry.enum_value(
        "semantic", description="The meaning; an error where no embedder can be asked."
    )
    HYBRID = strawberry.enum_value(
        "hybrid", description="Both; the words alone where no embedder can be asked."
    )


@strawberry.enum(description="The formats old chats come in.")
class ImportFormat(Enum):
    PLAIN = strawberry.enum_value("plain", description="Lists of {role, content}, JSON or lines.")
    CHATGPT = strawberry.enum_value("chatgpt", description="ChatGPT's data export.")
    CLAUDE = strawberry.enum_value("claude", description="Claude's data export.")
    OPENWEBUI = strawberry.enum_value("openwebui", description="Open WebUI's chat export.")
    LIBRECHAT = strawberry.enum_value("librechat", description="LibreChat's JSON export.")
    OPENAI = strawberry.enum_value("openai", description="Messages in OpenAI's API form.")
    LANGCHAIN = strawberry.enum_value("langchain", description="LangChain's messages_to_dict.")
    CONVERSA = strawberry.enum_value("conversa", description="Our own export, JSON Lines.")


@strawberry.enum(description="What kind of expected failure it is.")
class UserErrorCode(Enum):
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="It does not exist for you.")
    INVALID = strawberry.enum_value("INVALID", description="The input is not what it must be.")
    CONFLICT = strawberry.enum_value("CONFLICT", description="The stored state is another one.")
    TOO_LARGE = strawberry.enum_value("TOO_LARGE", description="It is over a documented limit.")
    LIMIT_EXCEEDED = strawberry.enum_value("LIMIT_EXCEEDED", description="Too much at once.")
    FORBIDDEN = strawberry.enum_value("FORBIDDEN", description="You may not do this.")
    UNSUPPORTED_FORMAT = strawberry.enum_value(
        "UNSUPPORTED_FORMAT", description="The input is in no known format."
    )
    OFFSET_MISMATCH = strawberry.enum_value(
        "OFFSET_MISMATCH", description="The text does not join on to what is stored."
    )
