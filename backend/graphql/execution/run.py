"""Executes a plan: drives resolvers, and reads what they want all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from graphql.execution.values import VariableValues

from backend.graphql.context import Context
from backend.graphql.execution.calls import Arguments, CallInfo
from backend.graphql.execution.compiler import PendingField
from backend.graphql.execution.errors import Unsupported
from backend.graphql.execution.foresight import Below
from backend.graphql.execution.loading import Loader, Wanted

Awaited = tuple[PendingField, dict[str, Any], Any]
"""A field, the object it belongs in, and its parent."""
Started = tuple[PendingField, dict[str, Any], Coroutine[Any, Any, Any]]


class Run:
    """One execution of a plan, in levels: all that can be resolved is, then what is wanted is read,
    and so on. No task is made for a field unless several await something other than loaders."""

    def __init__(
        self,
        context: Context,
        arguments: tuple[Arguments, ...],
        variables: VariableValues,
    ) -> None:
        self._context = context
        self.info = CallInfo(context, {})
        self.pending: list[Awaited] = []
        self._turn = context.turn
        self._dynamic = arguments
        self._variables = variables
        self._values: dict[int, dict[str, Any]] = {}
        # By the field and the parent, which is kept so that no other gets its id.
        self._answers: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._known: dict[Loader[Any, Any], dict[Any, Any]] = {}
        self._wanted: dict[Loader[Any, Any], list[tuple[Wanted, Started]]] = {}

    def informed(
        self, reads: Mapping[Any, frozenset[str] | None], below: Below | None = None
    ) -> CallInfo:
        """The info for a resolver of whose records so much is read, and what it foresees."""
        return CallInfo(self._context, reads, below and _Ahead(self, below))

    def answer(self, below: Below, parent: Any, value: Any) -> None:
        """Takes this as what the resolver of a field returns for a parent."""
        self._answers[(id(below), id(parent))] = (parent, value)

    def arguments(self, index: int) -> dict[str, Any]:
        """The arguments of a field, made once for all its objects."""
        found = self._values.get(index)
        if found is None:
            found = self._values[index] = self._dynamic[index].values(self._variables)
        return found

    async def finish(self) -> None:
        """Resolves all that is pending, and what that brings up; raises what any of it raises."""
        while self.pending or self._wanted:
            own = self._drive()
            wanted, self._wanted = self._wanted, {}
            if own:
                await _together(self._resolve, own, side_by_side=True)
            if len(wanted) == 1:
                ((loader, waiting),) = wanted.items()
                await self._fetch(loader, waiting)
            elif wanted:
                parallel = self._context.store.database.parallel_reads
                await _together(self._fetch, wanted.items(), side_by_side=parallel)

    def _drive(self) -> list[Awaited]:
        """Starts what is pending; answers with what is no driver's business."""
        own: list[Awaited] = []
        self._turn.driven = True
        try:
            while self.pending:
                pending, self.pending = self.pending, []
                for each in pending:
                    field, target, parent = each
                    if self._answers and (id(field.below), id(parent)) in self._answers:
                        _, value = self._answers.pop((id(field.below), id(parent)))
                        target[field.key] = field.complete(value, self)
                    elif field.driven:
                        self._go_on((field, target, field.call(parent, self)), None)
                    else:
                        own.append(each)
        finally:
            self._turn.driven = False
        return own

    def _go_on(self, started: Started, value: Any) -> None:
        field, target, coroutine = started
        try:
            wanted = coroutine.send(value)
        except StopIteration as done:
            target[field.key] = field.complete(done.value, self)
            return
        if type(wanted) is not Wanted:
            raise Unsupported(f"{field.key} awaits something other than a loader")
        self._wanted.setdefault(wanted.loader, []).append((wanted, started))

    async def _resolve(self, field: PendingField, target: dict[str, Any], parent: Any) -> None:
        target[field.key] = field.complete(await field.call(parent, self), self)

    async def _fetch(self, loader: Loader[Any, Any], waiting: list[tuple[Wanted, Started]]) -> None:
        known = self._known.get(loader)
        if known is None:
            known = self._known[loader] = {}
        await loader.fetch([key for wanted, _ in waiting for key in wanted.keys], known)
        self._turn.driven = True
        try:
            for wanted, started in waiting:
                found = [known[key] for key in wanted.keys]
                self._go_on(started, found if wanted.many else found[0])
        finally:
            self._turn.driven = False


class _Ahead:
    """A field below, in a run."""

    __slots__ = ("_below", "_run")

    def __init__(self, run: Run, below: Below) -> None:
        self._run = run
        self._below = below

    @property
    def arguments(self) -> Mapping[str, Any]:
        given = self._below.arguments
        return self._run.arguments(given) if isinstance(given, int) else given

    @property
    def reads(self) -> Mapping[Any, frozenset[str] | None]:
        return self._below.reads

    def answer(self, parent: Any, value: Any) -> None:
        self._run.answer(self._below, parent, value)


async def _together(
    act: Callable[..., Coroutine[Any, Any, None]],
    work: Collection[tuple[Any, ...]],
    *,
    side_by_side: bool,
) -> None:
    if side_by_side and len(work) > 1:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(act(*each))
        return
    for each in work:
        await act(*each)
