"""`metrics = ["code"]`: an answer's code passes the tests that its row gives as the reference."""

import ast
import re
from collections.abc import Sequence

from bench.errors import InputError, Problem
from bench.evals.generated.code.sandbox import NoSandboxError, passes
from bench.evals.generated.reference_metrics import Scored
from bench.suite.catalog.metrics import REFERENCE
from bench.suite.checks.metric_code import answers_run

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def score_code(
    questions: Sequence[str], answers: Sequence[str | None], tests: Sequence[str | None], *, trusted: bool
) -> list[Scored]:
    """1 where the code passes, else 0; `None` without an answer or without tests.

    Raises `InputError` where the command line does not allow code, or the system has no sandbox.
    """
    if not trusted:
        raise InputError(answers_run("eval.metrics"))
    (scale,) = REFERENCE["code"]
    try:
        scores = tuple(
            None if answer is None or test is None else float(passes(f"{program(question, answer)}\n\n{test}\n"))
            for question, answer, test in zip(questions, answers, tests, strict=True)
        )
    except NoSandboxError as error:
        what = "this system offers no sandbox for code: it needs Linux that lets a user make namespaces"
        hint = "allow user namespaces (of a container: seccomp and AppArmor profiles), or remove the eval"
        raise InputError(Problem(reference="eval.no-sandbox", what=what, where="eval.metrics", hint=hint)) from error
    return [Scored(scale=scale, scores=scores)]


def program(question: str, answer: str) -> str:
    """The code of an answer: its fenced blocks; else the question's own code continued, where both together are Python;
    else the whole answer."""
    if blocks := _FENCE.findall(answer):
        return "\n\n".join(blocks)
    return question + answer if "def " in question and _is_python(question + answer) else answer


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
