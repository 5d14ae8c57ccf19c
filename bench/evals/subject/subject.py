"""A loaded subject, and what computes for it: the scorer of continuations and the generator of answers.

Contract: every kind of eval asks the subject for its scorer and generator, so that another engine, or a rehearsal
without a model, plugs in here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.data.render.render import Rendered, Renderer
from bench.data.render.row import Row
from bench.errors import InputError
from bench.evals.example_part import rows_of
from bench.evals.inference.counted_generator import CountedGenerator
from bench.evals.inference.engines.engine import Engine
from bench.evals.inference.engines.engine_generator import EngineComparison, EngineGenerator
from bench.evals.inference.reply_memory import ReplyMemory
from bench.evals.inference.scoring.scorer import Scorer
from bench.evals.subject.prepared import PreparedEval
from bench.model.forward import SLOTS
from bench.record.jobs.eval_job import EvalJob
from bench.text import mentions_thinking


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A loaded model with tokenizer and renderer, ready for prompts."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    renderer: Renderer
    context_length: int
    """Positions."""
    slots: int = SLOTS
    """Slots of the rows in work together."""
    answer_slots: int | None = None
    """Slots of the answers in work together; `None`: as many."""
    most_rows: int | None = None
    """Rows of an eval to take; `None`: all. A rehearsal takes a few."""
    memory: ReplyMemory = field(default_factory=ReplyMemory)
    """What was asked of it before in this eval."""
    prepared: PreparedEval = field(default_factory=PreparedEval)
    """What subjects of the same base before it have prepared of this eval's examples."""
    checks_batches: bool = True
    """Whether this eval computes some answers again alone."""
    engine: Engine | None = None
    """What generates answers in place of this program, after `comparison`."""
    comparison: EngineComparison | None = None

    def scorer(self) -> Scorer:
        """What scores continuations with this subject."""
        return Scorer(self.model, slots=self.slots)

    def generator(self) -> CountedGenerator:
        """What generates this subject's answers."""
        slots = self.answer_slots or self.slots
        if self.engine is not None and self.comparison is not None:
            return EngineGenerator(
                model=self.model,
                tokenizer=self.tokenizer,
                slots=slots,
                memory=self.memory,
                engine=self.engine,
                comparison=self.comparison,
            )
        return CountedGenerator(
            model=self.model, tokenizer=self.tokenizer, slots=slots, memory=self.memory, checks=self.checks_batches
        )

    def rows(self, job: EvalJob) -> Sequence[Row]:
        """The eval's own rows, in order, or those of the part that the job scores."""
        return rows_of(job)[: self.most_rows]


def rendered(subject: Subject, row: Row) -> Rendered:
    """The row, empty where the template cannot print it."""
    try:
        return subject.renderer.row(row)
    except InputError:
        return Rendered(input_ids=[], labels_mask=[], truncated=False)


def strips_thinking(setting: bool | None, subject: Subject, *, wrapped: bool) -> bool:
    """Whether an eval scores answers without their thinking: as asked, else where the template has thinking."""
    return setting if setting is not None else wrapped and mentions_thinking(subject.renderer.template.text)
