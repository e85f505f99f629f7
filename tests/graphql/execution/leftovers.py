"""What graphql-core leaves behind where a field fails, collected where it was made.

It cancels the fields beside the one that failed, some of them before they have begun. Each such
coroutine warns that it was never awaited when it is collected, and that may be in another test.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Sequence

MAKERS = (r"GraphQLCoreConverter\.from_resolver\.", r"Executor\.")
"""Of whose coroutines it is known: Strawberry's around a resolver, and graphql-core's own. One of
ours that nobody awaits still warns."""
PATIENCE = 60.0


async def collected(work: Awaitable[Sequence[bytes]]) -> Sequence[bytes]:
    """The answers that the work makes, once everything is gone that failing ones have left."""
    with warnings.catch_warnings():
        for maker in MAKERS:
            message = rf"coroutine '{maker}.*' was never awaited"
            warnings.filterwarnings("ignore", message, RuntimeWarning)
        # Collected in the middle of it, in a function without builtins such as a named tuple's
        # maker, a coroutine cannot even warn: that raises KeyError.
        gc.disable()
        try:
            answers = await _settled(work)
            if any(b'"errors"' in answer for answer in answers):
                gc.collect()
            return answers
        finally:
            gc.enable()


async def _settled(work: Awaitable[Sequence[bytes]]) -> Sequence[bytes]:
    """The outcome, once the tasks have ended that were begun on the way to it."""
    others = asyncio.all_tasks()
    try:
        return await work
    finally:
        left = asyncio.all_tasks() - others
        if left:
            await asyncio.wait(left, timeout=PATIENCE)
