"""What a judge compares: two answers to the same prompt, read from the files of both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.render.row import Row, Turn
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.evals.generated.conversation import open_turns
from bench.evals.outcome import cluster_of_row, row_ids
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.score_rows import read_scores
from bench.suite.tables.evals.eval_spec import cluster_column


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPair:
    """One prompt with both answers; `None` where a side has none."""

    id: str
    question: str
    system: str | None
    answer: str | None
    opponent: str | None
    cluster: str | None = None

    @property
    def identical(self) -> bool:
        """Whether both answers are one text, but for white space around it."""
        return self.answer is not None and self.opponent is not None and self.answer.strip() == self.opponent.strip()


def pairs_of(job: EvalJob) -> tuple[AnswerPair, ...]:
    """One per row of the eval. Raises `InputError` where stored answers fit none of them."""
    judging = job.judging
    assert judging is not None, "a judge's job"
    assert job.data is not None, "a judge eval has rows"
    rows = load_rows(Path(job.data.path))
    column = cluster_column(job.eval)
    answers = _said(rows, Path(judging.answers_path))
    if judging.reference_path is not None:
        opponents = _said(rows, Path(judging.reference_path))
    elif judging.stored is not None:
        opponents = stored_answers(rows, load_rows(Path(judging.stored.path)), judging.against)
    else:
        opponents = [row.answer.strip() or None for row in rows]
    return tuple(
        AnswerPair(
            id=id_,
            question=question(row),
            system=system_text(row),
            answer=answer,
            opponent=opponent,
            cluster=cluster_of_row(row, column),
        )
        for id_, row, answer, opponent in zip(row_ids(rows), rows, answers, opponents, strict=True)
    )


def question(row: Row) -> str:
    """What the user asked; of several turns the conversation, with numbered gaps where the answers belong."""
    turns = [turn for turn in row.turns[:-1] if turn.role != "system"]
    if len(turns) == 1:
        return _text(turns[0])
    gaps = {position: number for number, position in enumerate(open_turns(row), start=1)}
    lines = []
    for position, turn in enumerate(row.turns[:-1]):
        if turn.role != "system":
            text = f"(answer {gaps[position]})" if position in gaps else _text(turn)
            lines.append(f"{turn.role}: {text}")
    return "\n\n".join([*lines, f"assistant: (answer {len(gaps)})"])


def _said(rows: Sequence[Row], folder: Path) -> list[str | None]:
    """A subject's answer to each row, from its answers' job; those of several turns together, numbered."""
    by_row: dict[int, list[str | None]] = {}
    for line in read_scores(folder / SCORES):
        by_row.setdefault(int(line.id.partition(".")[0]), []).append(line.output)
    return [_joined(by_row.get(number, [None])) for number in range(1, len(rows) + 1)]


def _joined(outputs: Sequence[str | None]) -> str | None:
    texts = [output for output in outputs if output is not None]
    if len(texts) < len(outputs):
        return None
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(f"(answer {number}) {output}" for number, output in enumerate(texts, start=1))


def stored_answers(rows: Sequence[Row], stored: Sequence[Row], source: str) -> list[str | None]:
    """Stored answers to `rows`, matched by the text of the user's turns.

    Raises `InputError` where `source` has an answer to none of them.
    """
    answers: Mapping[tuple[str, ...], str] = {_asked(row): row.answer.strip() for row in reversed(stored)}
    matched = [answers.get(_asked(row)) for row in rows]
    if not any(matched):
        raise InputError(
            Problem(
                reference="judge.no-reference",
                what=f"{source} has no answer to any of the {len(rows):,} prompts",
                where="reference",
                hint="give rows with the same prompts, word for word, such as {instruction, output}",
            )
        )
    return matched


def _asked(row: Row) -> tuple[str, ...]:
    return tuple(_text(turn) for turn in row.turns if turn.role == "user")


def _text(turn: Turn) -> str:
    return "\n".join(part for part in (turn.content.strip(), (turn.input or "").strip()) if part)


def system_text(row: Row) -> str | None:
    """The system turn of a row, if it has one with text."""
    return next((turn.content.strip() or None for turn in row.turns if turn.role == "system"), None)
