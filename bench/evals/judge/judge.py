"""`kind = "judge"`: which of two answers a model prefers, asked in both orders.

Contract: a pair scores 1 where this subject's answer is preferred in both orders, 0 where the other's is, and 0.5
otherwise: no preference, two orders that disagree, or one order without a verdict that can be read (a preference counts
only where both orders state it). Without any verdict, or without an answer on either side, the score is missing. Equal
texts are a tie, and are not asked about. A subject that is its own reference is a tie throughout, by definition.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

import torch

from bench.emit import Emit
from bench.evals.judge.ask import Judgement, Order, Session, judge_pairs
from bench.evals.judge.pairs import AnswerPair, pairs_of
from bench.evals.outcome import ExampleProgress, unscored, write_scores
from bench.record.files import RESULT
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult, Measure, ScoreRow
from bench.record.results.evals.judged import Judged
from bench.record.results.training.ledger import Seconds
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.judge_measures import CONSISTENT, LENGTHS, TIE, UNREAD, WIN_RATE

_Fate = Literal["win", "loss", "tie", "flip", "half", "unjudged", "unanswered", "identical"]
_SCORES: Mapping[_Fate, float | None] = {
    "win": 1.0, "loss": 0.0, "tie": TIE, "flip": TIE, "half": TIE, "identical": TIE, "unjudged": None,
    "unanswered": None,
}  # fmt: skip
_UNSCORED: Mapping[_Fate, str] = {
    "unjudged": "no verdict that can be read in either order",
    "unanswered": "one side has no answer",
}
_OTHER_SIDE = {"A": "B", "B": "A", "C": "C"}


def run_judge(job: EvalJob, folder: Path, emit: Emit) -> EvalResult:
    """Judges one subject's answers and writes `scores.jsonl` into `folder`. No model of the suite is loaded."""
    started = time.perf_counter()
    torch.set_num_threads(job.threads)
    spec, judging = job.eval, job.judging
    assert isinstance(spec, JudgeSpec), "chosen by kind"
    assert judging is not None, "a judge's job"
    answers = EvalResult.model_validate_json((Path(judging.answers_path) / RESULT).read_bytes())
    pairs = pairs_of(job)
    read = time.perf_counter()
    session = None
    if not judging.by_definition:
        judged_pairs = [
            pair for pair in pairs if pair.answer is not None and pair.opponent is not None and not pair.identical
        ]
        session = judge_pairs(spec, judging, judged_pairs, ExampleProgress(emit, len(judged_pairs)))
    rows, fates = _rows(spec.name, pairs, session, stored=judging.reference is None)
    judged = time.perf_counter()
    write_scores(folder, rows)
    return EvalResult(
        measures=_measures(spec.name, rows),
        template=answers.template,
        precision=answers.precision,
        batch=answers.batch,
        truncated=answers.truncated,
        strip_thinking=answers.strip_thinking,
        unfinished_thinking=answers.unfinished_thinking,
        unscored=unscored(rows),
        generated_tokens=answers.generated_tokens,
        generated=answers.generated,
        seconds=Seconds(start_up=read - started, evaluation=judged - read, wall=time.perf_counter() - started),
        peak_process_bytes=None,
        versions={},
        judged=_judged(job, session, fates),
        shots=answers.shots,
    )


def _rows(
    task: str, pairs: Sequence[AnswerPair], session: Session | None, *, stored: bool
) -> tuple[tuple[ScoreRow, ...], Counter[_Fate]]:
    """One row per pair; without a session every pair with answers is a tie by definition. Another subject's answer
    is in its own rows; a stored one (`stored`) is the target."""
    rows, fates = [], Counter[_Fate]()
    for pair in pairs:
        judgement = None if session is None else session.judgements.get(pair.id)
        fate = _fate(pair, judgement, by_definition=session is None)
        fates[fate] += 1
        orders = () if judgement is None else (judgement.own_first, judgement.own_second)
        rows.append(
            ScoreRow(
                task=task,
                id=pair.id,
                metrics={
                    WIN_RATE: _SCORES[fate],
                    CONSISTENT: {"win": 1.0, "loss": 1.0, "tie": 1.0, "flip": 0.0}.get(fate),
                    UNREAD: fmean(order.verdict is None for order in orders) if orders else None,
                },
                prompt=pair.question,
                target=pair.opponent if stored else None,
                output=pair.answer,
                verdicts=tuple(order.text for order in orders),
                statistics=_lengths(pair),
                unscored=_UNSCORED.get(fate),
                cluster=pair.cluster,
            )
        )
    return tuple(rows), fates


def _lengths(pair: AnswerPair) -> dict[str, tuple[float, ...]]:
    if pair.answer is None or pair.opponent is None:
        return {}
    return {LENGTHS: (float(len(pair.answer)), float(len(pair.opponent)))}


def _fate(pair: AnswerPair, judgement: Judgement | None, *, by_definition: bool) -> _Fate:
    if pair.answer is None or pair.opponent is None:
        return "unanswered"
    if judgement is None:
        assert by_definition or pair.identical, "all others were asked about"
        return "identical"
    first, second = judgement.own_first.verdict, judgement.own_second.verdict
    if first is None and second is None:
        return "unjudged"
    if first is None or second is None:
        return "half"
    if first != _OTHER_SIDE[second]:
        return "flip"
    return "win" if first == "A" else "loss" if first == "B" else "tie"


def _measures(task: str, rows: Sequence[ScoreRow]) -> tuple[Measure, ...]:
    return (
        _measure(task, rows, WIN_RATE, higher_is_better=True, chance=TIE, headline=True),
        _measure(task, rows, CONSISTENT, higher_is_better=True),
        _measure(task, rows, UNREAD, higher_is_better=False),
    )


def _measure(
    task: str,
    rows: Sequence[ScoreRow],
    metric: str,
    *,
    higher_is_better: bool,
    chance: float | None = None,
    headline: bool = False,
) -> Measure:
    scores = [score for row in rows if (score := row.metrics[metric]) is not None]
    return Measure(
        task=task,
        metric=metric,
        value=fmean(scores) if scores else None,
        n=len(scores),
        missing=len(rows) - len(scores),
        higher_is_better=higher_is_better,
        binary=False,
        chance=chance,
        headline=headline,
    )


def _judged(job: EvalJob, session: Session | None, fates: Counter[_Fate]) -> Judged:
    spec, judging = job.eval, job.judging
    assert isinstance(spec, JudgeSpec), "chosen by kind"
    assert judging is not None, "a judge's job"
    orders: list[Order] = []
    if session is not None:
        orders = [o for judgement in session.judgements.values() for o in (judgement.own_first, judgement.own_second)]
    read = [order.verdict for order in orders if order.verdict is not None]
    bill = None if session is None else session.bill
    endpoint = spec.judge.endpoint
    asked_for = endpoint.model if endpoint is not None else judging.judge.model.name if judging.judge.model else ""
    price = None if bill is None else bill.price
    return Judged(
        judge=asked_for if session is None else session.judge,
        host=None if endpoint is None else endpoint.host,
        prompt=spec.prompt.rpartition("/")[2],
        prompt_sha256=judging.judge.prompt_sha256,
        against=judging.against,
        by_definition=session is None,
        wins=fates["win"],
        losses=fates["loss"],
        ties=fates["tie"],
        flips=fates["flip"],
        half=fates["half"],
        unjudged=fates["unjudged"],
        unanswered=fates["unanswered"],
        identical=fates["identical"],
        verdicts=len(read),
        first_preferred=read.count("A"),
        second_preferred=read.count("B"),
        unread=sum(order.text is not None and order.verdict is None for order in orders),
        rejected=0 if session is None else session.rejected,
        asked=0 if bill is None else bill.asked,
        reused=0 if bill is None else bill.reused,
        prompt_tokens=None if bill is None else bill.prompt_tokens,
        completion_tokens=None if bill is None else bill.completion_tokens,
        cost=None if bill is None else bill.cost,
        cost_now=None if bill is None else bill.cost_now,
        currency=None if price is None else price.currency,
    )
