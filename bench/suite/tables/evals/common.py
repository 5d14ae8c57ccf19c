"""Keys that several kinds of eval have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Role = Annotated[
    Literal["target", "retention", "diagnostic"],
    Field(description="`target`: what training is for; `retention`: what it may forget; `diagnostic`: ranks nothing."),
]

SliceColumns = tuple[Annotated[str, Field(min_length=1)], ...]
