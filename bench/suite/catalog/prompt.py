"""The text of a question to a writing or judging model: Jinja in a sandbox, hashed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digest import digest_json
from bench.errors import InputError, Problem

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt's text."""

    text: str
    where: str
    """For messages."""
    reference: str = "make.prompt"
    """Reference of the errors."""

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the text."""
        return digest_json(self.text)

    def render(self, **variables: Any) -> str:
        """The question as sent. Raises `InputError` where the text cannot be rendered."""
        from jinja2 import TemplateError

        try:
            return _compiled(self.text).render(**variables).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            names = ", ".join(variables)
            raise InputError(
                Problem(
                    reference=self.reference,
                    what=f"the prompt cannot be rendered: {error}",
                    where=self.where,
                    hint=f"it is given: {names}",
                )
            ) from error


def read_prompt(
    file_name: str, folder: Path, *, where: str, reference: str, beside: str, sample: dict[str, Any]
) -> Prompt:
    """The prompt in the file `file_name`, relative to `folder` (that of the `beside` file), rendered once with
    `sample` as a check. Raises `InputError`."""
    try:
        text = (folder / Path(file_name).expanduser()).read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not UTF-8 text"
        hint = f"paths are relative to the {beside} file"
        problem = Problem(reference=reference, what=f"{file_name}: {reason}", where=where, hint=hint)
        raise InputError(problem) from error
    prompt = Prompt(text=text, where=f"{where}: {file_name}", reference=reference)
    if not prompt.render(**sample):
        what, hint = f"{file_name} renders to nothing", f"it is given: {', '.join(sample)}"
        raise InputError(Problem(reference=reference, what=what, where=where, hint=hint))
    return prompt


@lru_cache(maxsize=16)
def _compiled(text: str) -> Template:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)  # Jinja's own escapes for HTML
    return environment.from_string(text)
