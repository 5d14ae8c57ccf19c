"""The base of every persisted type, frozen and closed to unknown keys, and the small types that they share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
"""A positive whole number that the libraries below can hold."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""What every random generator in use accepts."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that users choose: it is also a folder's or file's name, and a part of `data/recipe#seed`."""


class Spec(BaseModel):
    """Immutable and closed: an unknown key is an error, a change is a new object. No NaN or infinity gets in.

    Its validator is built at its first use: of the two hundred that a command imports, most use thirty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    one_of: ClassVar[tuple[str, ...]] = ()
    """Keys of which exactly one is given: in a profile, a new one takes the place of the old one."""
    described_by: ClassVar[tuple[str, ...]] = ()
    """Keys that say more about the one of `one_of`, and go with it."""
    file_keys: ClassVar[Mapping[str, Callable[[str], bool]]] = {}
    """Keys whose text may be a path relative to the file that it is written in, and whether a text that names no
    existing file is one."""

    @classmethod
    def kept_in(cls, file: Path) -> Self | None:
        """What a file of this program holds; `None` where it is missing, torn, or of another version."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None

    def has_one(self) -> bool:
        """Whether exactly one key of `one_of` is given."""
        return sum(getattr(self, key) is not None for key in self.one_of) == 1


def build_specs() -> None:
    """Build the validators of all specs that are imported: in a process whose forks would each build their own."""
    specs: list[type[BaseModel]] = [Spec]
    while specs:
        spec = specs.pop()
        spec.model_rebuild(raise_errors=False)
        specs += spec.__subclasses__()


def is_path(text: str) -> bool:
    """Whatever is written is a path."""
    return True


def looks_like_path(text: str) -> bool:
    """Names are written as they are, paths of missing files with their beginning."""
    return text.startswith((".", "/", "~"))
