"""What a judge is shown: prompts by name, or a Jinja file of the suite's own.

Contract: a prompt is given `question`, `first`, `second` (texts) and `system` (text, or none), and asks for a verdict
that `bench.evals.judge.verdict` can read: A, B, or C for a tie.
"""

from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.prompt import Prompt, read_prompt

_FOLDER = Path(__file__).parent / "judge_prompts"
_SAMPLE: dict[str, Any] = {"question": "Name a colour.", "first": "Red.", "second": "Seven.", "system": None}
_REFERENCE = "judge.prompt"


def judge_prompt_names() -> tuple[str, ...]:
    """The shipped ones."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.jinja")))


def load_judge_prompt(name: str, base: Path, *, where: str) -> Prompt:
    """A shipped prompt, else the file `name` relative to `base`.

    Raises `InputError` where there is neither, it cannot be rendered, or it does not show both answers.
    """
    if name in judge_prompt_names():
        return Prompt(text=(_FOLDER / f"{name}.jinja").read_text(encoding="utf-8"), where=where, reference=_REFERENCE)
    if "." not in name and "/" not in name:
        what, hint = f"there is no judge prompt {name!r}", did_you_mean(name, judge_prompt_names())
        raise InputError(Problem(reference=_REFERENCE, what=what, where=where, hint=hint))
    prompt = read_prompt(name, base, where=where, reference=_REFERENCE, beside="suite", sample=_SAMPLE)
    shown = prompt.render(**{**_SAMPLE, "first": "\x01first", "second": "\x02second"})
    missing = [key for key, mark in (("first", "\x01"), ("second", "\x02")) if mark not in shown]
    if missing:
        what = f"{name} does not show {' and '.join(missing)}"
        hint = "write {{ question }}, {{ first }} and {{ second }} where the judge is to read them"
        raise InputError(Problem(reference=_REFERENCE, what=what, where=where, hint=hint))
    return prompt
