"""What the writer is asked: Jinja texts, shipped by kind or from a file, in a sandbox, hashed for the provenance."""

from pathlib import Path
from typing import Any

from bench.suite.catalog.prompt import Prompt, read_prompt

_FOLDER = Path(__file__).parent / "prompts"

_EXAMPLE: dict[str, Any] = {"instruction": "Name a colour.", "input": "", "output": "Red."}
_SAMPLES: dict[str, dict[str, Any]] = {
    "instructions": {"demonstrations": [_EXAMPLE], "count": 3, "answers": True},
    "distil": _EXAMPLE,
    "best_of": _EXAMPLE,
    "score": {**_EXAMPLE, "reference": None, "low": 1, "high": 10},
    "judge": {**_EXAMPLE, "reference": "Blue.", "low": 1, "high": 10},
    "augment": {**_EXAMPLE, "way": "paraphrase"},
}
"""What each kind of prompt is given, by example."""
_SHIPPED = {"distil": "answer", "best_of": "answer", "score": "judge"}


def load_prompt(kind: str, file_name: str | None, folder: Path, *, where: str = "prompt") -> Prompt:
    """The prompt of `kind`: the file `file_name` (relative to `folder`), else the shipped one; rendered once as a
    check. Raises `InputError`."""
    if file_name is None:
        text = (_FOLDER / f"{_SHIPPED.get(kind, kind)}.jinja").read_text(encoding="utf-8")
        return Prompt(text=text, where=where)
    return read_prompt(file_name, folder, where=where, reference="make.prompt", beside="make", sample=_SAMPLES[kind])
