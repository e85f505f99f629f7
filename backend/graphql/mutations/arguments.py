"""The one argument of every mutation."""

from typing import Annotated, TypeVar

import strawberry

Given = TypeVar("Given")
Input = Annotated[Given, strawberry.argument(description="What to do.")]
