"""`kind = "questions"`: fixed prompts, whose answers the report shows side by side. Nothing is scored.

Contract: one row for each turn that the subject was asked, in the suite's order; the first turn of question 3 is `3`,
its second `3.2`.
"""

from collections.abc import Iterator, Sequence

from bench.data.render.row import Row, Turn
from bench.emit import Emit
from bench.evals.generated.conversation import Replies, TurnReply, asked
from bench.evals.outcome import EvalOutput
from bench.evals.subject.subject import Subject
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.suite.tables.evals.questions import QuestionsSpec


def answer_questions(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """A subject's answers to the eval's questions."""
    spec = job.eval
    assert isinstance(spec, QuestionsSpec), "chosen by kind"
    rows = asked_rows(spec) if job.data is None else subject.rows(job)
    return shown_answers(spec, rows, asked(spec, subject, rows, emit))


def asked_rows(spec: QuestionsSpec) -> list[Row]:
    """The suite's own questions as rows."""
    return [_row(text) for text in spec.questions]


def shown_answers(spec: QuestionsSpec, rows: Sequence[Row], replies: Replies) -> EvalOutput:
    """A subject's answers as rows without scores, whatever engine gave them."""
    return replies.output(
        tuple(
            line
            for number, (row, samples) in enumerate(zip(rows, replies.of, strict=True), start=1)
            for line in _lines(spec.name, number, row, samples[0])
        )
    )


def _row(text: str) -> Row:
    turns = (Turn(role="user", content=text), Turn(role="assistant", content=""))
    return Row(turns=turns, origin="suite")


def _lines(task: str, number: int, row: Row, replies: tuple[TurnReply, ...]) -> Iterator[ScoreRow]:
    for turn, reply in enumerate(replies, start=1):
        yield ScoreRow(
            task=task,
            id=str(number) if turn == 1 else f"{number}.{turn}",
            metrics={},
            prompt=reply.asked,
            target=(row.answer.strip() or None) if turn == len(replies) else None,
            output=reply.text,
            thinking=reply.thinking,
            unfinished_thinking=reply.unfinished_thinking,
        )
