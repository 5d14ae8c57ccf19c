"""The base of every persisted type, frozen and closed to unknown keys, and the small types that they share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
"""A positive whole number that the libraries below can hold."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""What every random generator in use accepts."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that users choose: it is also a folder's or file's name, and a part of `data/recipe#seed`."""


class Spec(BaseModel):
    """Immutable and closed: an unknown key is an error, a change is a new object. No NaN or infinity gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
