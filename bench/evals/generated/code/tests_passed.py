"""`metrics = ["code"]`: an answer's code passes the tests that its row gives as the reference.

Contract: tests that pass without an answer decide nothing, and give no score.
"""

import ast
import re
from collections.abc import Sequence
from functools import cache

from bench.errors import InputError, Problem
from bench.evals.generated.code.sandbox import NoSandboxError, passes
from bench.evals.generated.reference_metrics import Scored
from bench.suite.catalog.metrics import REFERENCE
from bench.suite.checks.metric_code import answers_run

_FUNCTION = re.compile(r"^def (\w+)", re.MULTILINE)
_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def score_code(
    questions: Sequence[str], answers: Sequence[str | None], tests: Sequence[str | None], *, trusted: bool
) -> list[Scored]:
    """1 where the code passes, else 0; `None` without an answer, without tests, or where these pass by themselves.

    Raises `InputError` where the command line does not allow code, or the system has no sandbox.
    """
    if not trusted:
        raise InputError(answers_run("eval.metrics"))
    (scale,) = REFERENCE["code"]
    passes_alone = cache(passes)

    def score(question: str, answer: str | None, test: str | None) -> float | None:
        if answer is None or test is None:
            return None
        called = with_call(question, test)
        return None if passes_alone(called) else float(passes(f"{program(question, answer)}\n\n{called}\n"))

    try:
        scores = tuple(map(score, questions, answers, tests))
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


def with_call(question: str, tests: str) -> str:
    """The tests with the call that HumanEval's leave to their harness: `check(NAME)` of the last function that the
    question defines, where they define `check` and call nothing."""
    if not _is_python(tests):
        return tests
    statements = ast.parse(tests).body
    defines = any(isinstance(part, ast.FunctionDef) and part.name == "check" for part in statements)
    named = _FUNCTION.findall(question)
    return f"{tests}\n\ncheck({named[-1]})" if defines and named and not any(map(_runs, statements)) else tests


def _runs(statement: ast.stmt) -> bool:
    """Whether a statement may fail where the code is wrong: no definition, import or value."""
    return not isinstance(
        statement, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Assign
    ) and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
