"""Files of multiple-choice questions: which of their columns is the question, the options, the answer.

Contract: a file is one only where the reader of `choice` evals takes every row of it. Training would leave the options
out, so such a file is asked and not trained on.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.draft.look import Looked
from bench.errors import InputError, Problem
from bench.suite.checks.data.choice_rows import read_choices
from bench.suite.checks.data.first_rows import column_names
from bench.suite.tables.evals.choice import ChoiceSpec

_QUESTIONS = ("question", "query", "prompt", "ctx", "stem", "problem", "instruction", "input", "goal", "sentence")
_LISTS = ("choices", "options", "endings")
_OPTION = re.compile(r"(?:(?:option|choice|opt|ending|sol)[ _-]?)?([a-h]|[0-7])", re.IGNORECASE)
_ANSWERS = (
    "answer", "label", "answer_key", "answerkey", "answer_index", "answer_idx", "answer_id", "correct_answer",
    "correct_option", "correct", "right", "gold", "target", "output", "solution",
)  # fmt: skip
_PASSAGES = ("passage", "context", "article", "support", "background")
_MOST = 500
"""Questions that a draft asks: more take long, and decide little that these do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiz:
    """One file of questions."""

    name: str
    source: str
    """Path as the suite has it."""
    spec: ChoiceSpec
    questions: int

    @property
    def eval_table(self) -> str:
        """The eval that asks them."""
        columns = {"question": self.spec.question, "passage": self.spec.passage, "choices": self.spec.choices,
                   "answer": self.spec.answer}  # fmt: skip
        lines = [
            f"[[eval]] # {self.questions:,} multiple-choice questions: nothing trains on them",
            f"name = {json.dumps(self.name)}",
            'kind = "choice"',
            f"source = {json.dumps(self.source)}",
            *(f"{key} = {json.dumps(named)}" for key, named in columns.items() if named is not None),
        ]
        if self.questions > _MOST:
            lines.append(f"limit = {_MOST} # the first ones; more make the intervals narrower and the run longer")
        return "\n".join(lines)


def quiz_of(name: str, source: str, folder: Path) -> Quiz | None:
    """The questions of a local file, relative to `folder`; `None` where it is no file of multiple-choice questions."""
    path = folder / Path(source).expanduser()
    columns = column_names(path) if path.is_file() else None
    for spec in () if columns is None else _candidates(name, source, columns):
        try:
            return Quiz(name=name, source=source, spec=spec, questions=len(read_choices(spec, path, where="")))
        except InputError:
            continue
    return None


def quizzes_of(sources: Mapping[str, str], folder: Path) -> dict[str, Quiz]:
    """The files of multiple-choice questions among `sources`, by name."""
    found = {name: quiz_of(_eval_name(name), source, folder) for name, source in sources.items()}
    return {name: quiz for name, quiz in found.items() if quiz is not None}


def _eval_name(name: str) -> str:
    """The name, changed where the draft's own evals have it."""
    return f"{name}_quiz" if name in ("answers", "heldout") or name.startswith("answers_") else name


def _candidates(name: str, source: str, columns: tuple[str, ...]) -> Iterator[ChoiceSpec]:
    """Readings of the columns, the likeliest first."""
    options = _options(columns)
    if not options:
        return
    left = [column for column in columns if column not in options]
    questions, answers = _named(left, _QUESTIONS), _named(left, _ANSWERS)
    passage = next(iter(_named(left, _PASSAGES)), None)
    for question in questions[:2]:
        for answer in answers[:3]:
            yield ChoiceSpec(
                kind="choice",
                name=name,
                source=source,
                question=question,
                passage=passage,
                choices=options,
                answer=answer,
            )


def _options(columns: tuple[str, ...]) -> str | tuple[str, ...]:
    """The column that lists the options, or one column each; empty without any."""
    for column in _named(list(columns), _LISTS):
        return column
    single = tuple(column for column in columns if _OPTION.fullmatch(column.strip()))
    return single if len(single) > 1 else ()


def _named(columns: list[str], names: tuple[str, ...]) -> list[str]:
    """The columns that have one of the names, in the order of the names."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    return [by_name[name] for name in names if name in by_name]


def nothing_to_train_on(quizzes: Iterable[Quiz]) -> InputError:
    """The refusal of questions without rows to train on beside them."""
    named = " and ".join(quiz.source for quiz in quizzes)
    what = f"{named}: multiple-choice questions, which are asked, not trained on"
    hint = (
        "give rows to train on, too: --data rows.jsonl; --columns prompt=…,completion=… trains on question and answer "
        "without the options"
    )
    return InputError(Problem(reference="init.multiple-choice", what=what, where="--data", hint=hint))


def refuse_multiple_choice(files: Sequence[Looked]) -> None:
    """Raises `InputError` for files whose questions have options that training rows do not show, unless the user names
    the columns of prompt and answer."""
    problems = []
    for file in files:
        if file.columns is not None or not (options := file.options):
            continue
        listed = options[0].strip().lower() in ("choices", "options")
        choices = json.dumps(options[0] if listed else [*options])
        what = (
            f"{file.source}: these are multiple-choice questions, and rows to train on leave out their options "
            f"({', '.join(options)})"
        )
        hint = (
            f'[[eval]] kind = "choice", source = {json.dumps(file.source)}, choices = {choices} asks them; '
            "--columns prompt=…,completion=… trains on question and answer alone"
        )
        problems.append(Problem(reference="init.multiple-choice", what=what, where="--data", hint=hint))
    if problems:
        raise InputError(problems)
