"""The examples in the docstrings are run, so that they cannot lie."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from backend.utils import chat_history, prompts, snippets, splitting, text_processor, tokens


@pytest.mark.parametrize(
    "module",
    [chat_history, prompts, snippets, splitting, text_processor, tokens],
    ids=lambda module: module.__name__,
)
def test_examples_are_true(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
