"""What of a conversation goes to a model next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backend.errors import Invalid
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit, Store
from backend.security.viewer import Viewer
from backend.services.history import Branch, HistoryRow, branch_of
from backend.services.passages import Reason, Selection, saying
from backend.services.recalling import (
    INSTRUCTIONS,
    LeftOut,
    Recall,
    Recaller,
    Recollection,
    Setting,
)
from backend.services.search import SearchHit, SearchService
from backend.utils.chat_history import FIRST_PAGE, Window, fit_budget, prompt_tokens, read_window
from backend.utils.prompts import PRIMING_TOKENS, Prompt, entries
from backend.utils.recalled import recalled_form

NOTHING = Recall()
RECALL_SHARE = 2
"""What is recalled may take one of so many parts of what the instructions leave, and whatever the
recent turns leave free."""


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """A message of the window; ``origin`` is ``system``, ``recalled`` or ``recent``.

    ``reason`` says why a recalled one came; None for others.
    """

    message: MessageRecord
    origin: str
    content: str
    token_count: int
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """What goes to a model: ``prompt`` in OpenAI's chat form, within ``max_tokens``.

    ``query`` is what was looked for to recall messages, None where nothing was; ``left_out`` are
    the messages that were found and not recalled.
    """

    messages: list[ContextEntry]
    prompt: Prompt
    token_count: int
    max_tokens: int
    omitted_count: int = field(default=0)
    query: str | None = None
    left_out: Sequence[LeftOut] = ()


class ContextService:
    """Puts context windows together; reads only."""

    def __init__(self, store: Store, search: SearchService) -> None:
        self._store = store
        self._recaller = Recaller(search)

    async def window(
        self,
        viewer: Viewer,
        conversation_id: str,
        *,
        max_tokens: int = 4096,
        recent: int | None = None,
        recall: Recall = NOTHING,
        leaf_id: str | None = None,
    ) -> ContextWindow:
        """The opening instructions, what is recalled, and the newest messages that fit, of the
        active branch or of the one that ends at ``leaf_id``.

        Without ``recall`` no more messages are read than that takes. Raises NotFound, or Invalid
        for numbers out of their range.
        """
        for name, number in (("maxTokens", max_tokens), ("recent", recent or 0)):
            if number < 0:
                raise Invalid(f"{name} must not be negative.", field=(name,))
        recall.check()
        async with self._store.read(viewer) as unit:
            conversation = await unit.conversations.get(conversation_id)
            branch = await branch_of(unit, conversation, leaf_id)
            plain = await read_window(branch, conversation.id, max_tokens, recent)
            if not recall.count or await _leaves_instructions_out(branch, conversation.id, plain):
                return _window(plain, max_tokens)
            question = await _question(branch, conversation.id, plain)
        # A search has a connection of its own; two at a time by one request could starve others.
        query, hits = await self._recaller.hits(viewer, recall, conversation.id, question)
        async with self._store.read(viewer) as unit:
            await unit.conversations.get(conversation_id)
            branch = await branch_of(unit, conversation, leaf_id)
            setting = _setting(conversation.id, branch, plain, question, max_tokens)
            recollection = await self._recalled(unit, recall, setting, query, hits)
        return _with_recalled(plain, recollection, max_tokens, recent)

    async def _recalled(
        self,
        unit: ReadUnit,
        recall: Recall,
        setting: Setting,
        query: str | None,
        hits: Sequence[SearchHit],
    ) -> Recollection:
        overhead = prompt_tokens([recalled_form([])]) - PRIMING_TOKENS
        roomy = replace(setting, room=max(0, setting.room - overhead))
        return await self._recaller.choose(unit, recall, roomy, query, hits)


async def _leaves_instructions_out(
    branch: Branch, conversation_id: str, plain: Window[HistoryRow]
) -> bool:
    """Whether not even the instructions fit, without which nothing is asked."""
    if plain.kept or not plain.omitted_count:
        return False
    first = await branch.page_before(conversation_id, 2, 1)
    return bool(first) and first[0].role in INSTRUCTIONS


async def _question(
    branch: Branch, conversation_id: str, plain: Window[HistoryRow]
) -> MessageRecord | None:
    """The last user message, also where the window has no place for it."""
    last = _last_user(plain.kept)
    if last is None and plain.omitted_count:
        last = _last_user(await branch.page_before(conversation_id, None, FIRST_PAGE))
    return last.record if last else None


def _last_user(rows: Sequence[HistoryRow]) -> HistoryRow | None:
    return next((row for row in reversed(rows) if row.role == "user"), None)


def _setting(
    conversation_id: str,
    branch: Branch,
    plain: Window[HistoryRow],
    question: MessageRecord | None,
    max_tokens: int,
) -> Setting:
    """What stays whatever is recalled: the instructions, the last turn, and as much before it as
    leaves what is recalled its share."""
    kept = plain.kept
    opening = _opening(kept)
    turn = next((n for n in range(len(kept) - 1, -1, -1) if kept[n].role == "user"), len(kept))
    least = _tokens([*kept[:opening], *kept[max(turn, opening) :]])
    free = max(0, max_tokens - _tokens(kept[:opening]))
    core = fit_budget(kept, max(max_tokens - free // RECALL_SHARE, least))
    room = max_tokens - (core.token_count or PRIMING_TOKENS)
    return Setting(conversation_id, branch, core.kept, question, room)


def _tokens(rows: Sequence[HistoryRow]) -> int:
    return PRIMING_TOKENS + sum(entry.tokens for entry in entries(rows))


def _opening(rows: Sequence[HistoryRow]) -> int:
    spoken = (place for place, row in enumerate(rows) if row.role not in INSTRUCTIONS)
    return next(spoken, len(rows))


def _with_recalled(
    plain: Window[HistoryRow], recollection: Recollection, max_tokens: int, recent: int | None
) -> ContextWindow:
    """The window with as many recent turns as what is recalled leaves room for."""
    selection = recollection.selection
    while selection.chosen:
        lines = [each.line for each in selection.in_order()]
        memory = prompt_tokens([recalled_form(lines)]) - PRIMING_TOKENS
        fitted = fit_budget(plain.kept, max(0, max_tokens - memory), recent)
        selection.drop(_repeated(selection, fitted.kept))
        if not selection.chosen:
            break
        omitted = plain.omitted_count + len(plain.kept) - len(fitted.kept)
        window = _window(Window(fitted.kept, omitted, fitted.token_count), max_tokens, recollection)
        if window.token_count <= max_tokens and len(fitted.kept) >= min(1, len(plain.kept)):
            return window
        _drop_the_weakest(recollection)
    return _window(plain, max_tokens, recollection)


def _repeated(selection: Selection, kept: Sequence[HistoryRow]) -> list[str]:
    """What is recalled that the recent turns, more of them than were sure of a place, say too."""
    texts = {saying(row.record) for row in kept}
    return [each for each, row in selection.chosen.items() if saying(row.message) in texts]


def _drop_the_weakest(recollection: Recollection) -> None:
    chosen = recollection.selection.chosen
    found = [each for each in chosen.values() if each.reason.score is not None]
    weakest = min(found, key=lambda each: each.reason.score or 0.0)
    message = weakest.message
    recollection.left_out.append(
        LeftOut(message.id, message.conversation_id, "room", weakest.reason.score or 0.0)
    )
    recollection.selection.drop([message.id])


def _window(
    fitted: Window[HistoryRow], max_tokens: int, recollection: Recollection | None = None
) -> ContextWindow:
    """The prompt and its entries: instructions, what is recalled, recent turns."""
    recollection = recollection or Recollection()
    recalled = recollection.selection.in_order()
    opening = _opening(fitted.kept)
    made = entries(fitted.kept)
    first = [entry.form for entry in made if entry.source < opening]
    last = [entry.form for entry in made if entry.source >= opening]
    memory = [recalled_form([each.line for each in recalled])] if recalled else []
    prompt = [*first, *memory, *last]
    tokens = {entry.source: entry.tokens for entry in made}
    told = [
        ContextEntry(
            row.record, "system" if place < opening else "recent", row.content, tokens.get(place, 0)
        )
        for place, row in enumerate(fitted.kept)
    ]
    quoted = [
        ContextEntry(each.message, "recalled", each.text, each.token_count, each.reason)
        for each in recalled
    ]
    return ContextWindow(
        messages=[*told[:opening], *quoted, *told[opening:]],
        prompt=prompt,
        token_count=fitted.token_count if not recalled else prompt_tokens(prompt),
        max_tokens=max_tokens,
        omitted_count=fitted.omitted_count,
        query=recollection.query,
        left_out=recollection.left_out,
    )
