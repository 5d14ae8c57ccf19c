"""The check of the prose, as docs/writing.md has it: how docstrings begin, and words that hide what happens.

`python .ci/writing.py` prints FILE:LINE and what to write instead, and exits with 1 where something was found.
`python .ci/writing.py bench/data docs` checks these files and folders alone.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKED = (
    "bench/**/*.py",
    "*.md",
    "*/*.md",
    "docs/**/*.md",
    "models/**/*.md",
    "suites/**/*.md",
    "suites/**/*.toml",
    "models/*.toml",
)
UNCHECKED = ("bench/data/micro/", "CHANGELOG.md", "docs/writing.md")
"""The rows of an invented world, what was said of earlier versions, and the list of these words itself."""

CODE = r"^( *)```.*?^\1```|`[^`\n]*`"
BEGINNING = re.compile(r"(Of|That|As|Those|The same|Same|It)\b")
WORDS = {
    r"(?<!be )told(?! apart)": "reported, named, refused",
    r"said": "reported, named, warned; of people and models: wrote, answered",
    r"made by(?! hand)": "written by, built by",
    r"meets? at": "wait at a barrier",
    r"(go|goes|going|went) on where": "resume",
    r"stands?(?! for\b| in for\b|-)|stood": "is, holds, is recorded in",
    r"lies?|lay": "is, is stored in",
    r"mend(s|ed|ing)?": "fix",
    r"spelt|spells?": "format, write",
    r"reckon(s|ed|ing)?": "estimate, compute",
    r"in vain": "without effect; say what failed",
    r"settle[sd]?|settling": "resolve, decide",
    r"fewer bits": "quantised",
    r"(is|are|was|were|be|being) away": "unavailable",
    r"puts? on": "apply, load",
    r"yardstick|thrifti\w+|thereof|wherein|thereby|hither\w*": "the plain word",
}
"""Each pattern is a whole word, whatever its case; beside it what to write instead."""

FORBIDDEN = re.compile("|".join(rf"(?P<w{number}>\b(?:{word})\b)" for number, word in enumerate(WORDS)), re.IGNORECASE)


def problems_in(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 0) and advice for each forbidden word of a text."""
    for match in FORBIDDEN.finditer(text):
        advice = list(WORDS.values())[int((match.lastgroup or "w0")[1:])]
        yield text.count("\n", 0, match.start()), f"“{match[0]}”: {advice}"


def without_code(text: str) -> str:
    """A text without its blocks and names of code; its lines stay."""
    return re.sub(CODE, lambda code: re.sub(r"[^\n]", "", code[0]), text, flags=re.MULTILINE | re.DOTALL)


def in_python(source: str) -> Iterator[tuple[int, str]]:
    """Problems of the docstrings, attribute docs and other texts of several words in a Python file."""
    tree = ast.parse(source)
    documenting = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value):
            continue
        if id(node) in documenting and (start := BEGINNING.match(node.value)):
            yield node.lineno, f"a docstring begins with “{start[0]}”: begin with a noun or a verb"
        for line, problem in problems_in(without_code(node.value)):
            yield node.lineno + line, problem


def in_prose(text: str) -> Iterator[tuple[int, str]]:
    """Problems of a Markdown file, or of the comments of a suite or a model card, without code."""
    for line, problem in problems_in(without_code(text)):
        yield line + 1, problem


def files() -> list[Path]:
    """What is checked: the package, and all prose around it."""
    return sorted({path for pattern in CHECKED for path in ROOT.glob(pattern)})


def main(only: list[str]) -> int:
    """Print every problem, of all files or of those below `only`; 0 without any, 1 otherwise."""
    failed = False
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(UNCHECKED) or (only and not name.startswith(tuple(only))):
            continue
        check = in_python if path.suffix == ".py" else in_prose
        for line, problem in check(path.read_text(encoding="utf-8")):
            failed = True
            print(f"{name}:{line}: {problem}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
