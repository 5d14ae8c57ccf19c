"""Keys that several kinds of eval have."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

Role = Annotated[
    Literal["target", "retention", "diagnostic"],
    Field(description="`target`: what training is for; `retention`: what it may forget; `diagnostic`: ranks nothing."),
]

SliceColumns = tuple[Annotated[str, Field(min_length=1)], ...]
ClusterColumn: TypeAlias = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(
        description="Column of what several rows have in common, such as a document: rows with the same value are not "
        "independent, and intervals take them as one cluster."
    ),
]
