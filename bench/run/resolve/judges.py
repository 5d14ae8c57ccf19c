"""What the judge evals of a suite need before any work: their prompts and local models."""

from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError, Problem, collected
from bench.suite.catalog.judge_prompt import load_judge_prompt
from bench.suite.resolved import ResolvedJudge, ResolvedModel
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.model import ModelSpec
from bench.suite.tables.suite import Suite

Pin = Callable[[ModelSpec], ResolvedModel]


def resolve_judges(suite: Suite, *, base: Path, pin: Pin) -> dict[str, ResolvedJudge]:
    """Every judge, by eval; `pin` resolves a local one's model. Raises `InputError` with all problems."""
    judges: dict[str, ResolvedJudge] = {}
    problems: list[Problem] = []
    for index, spec in enumerate(suite.eval):
        if isinstance(spec, JudgeSpec):
            with collected(problems):
                judges[spec.name] = _judge(spec, f"eval[{index}]", base, pin)
    if problems:
        raise InputError(problems)
    return judges


def _judge(spec: JudgeSpec, where: str, base: Path, pin: Pin) -> ResolvedJudge:
    prompt = load_judge_prompt(spec.prompt, base, where=f"{where}.prompt")
    local = spec.judge.local
    return ResolvedJudge(
        prompt=prompt.text,
        prompt_sha256=prompt.sha256,
        model=None if local is None else pin(local),
    )
