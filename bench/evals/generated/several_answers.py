"""Several answers to one prompt, scored together: pass@k and the majority's answer.

Contract: a prompt has one score, so that intervals over prompts hold for these measures as for all others. A prompt of
which fewer than k answers have a score has no pass@k.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import comb
from statistics import fmean

from bench.evals.generated.reference_metrics import Scored
from bench.record.results.evals.evaluation import Measure
from bench.suite.catalog.metrics import MAJORITY, Scale, right_or_wrong, several_answers
from bench.suite.tables.evals.generation import GenerationSpec
from bench.text import final_number, squad_form

_ANSWER: Mapping[str, Callable[[str], Hashable]] = {"numeric": final_number, "squad_em": squad_form}
"""By measure, what two answers that say the same have in common; by default their text without white space around it.
`None` is no answer, and no vote."""


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Estimate, without bias, of the chance that one of k answers is right, from `right` right ones of `samples`
    (Chen et al. 2021): 1 - C(n - c, k) / C(n, k)."""
    return 1.0 - comb(samples - right, k) / comb(samples, k)


def majority(votes: Sequence[Hashable], scores: Sequence[float]) -> float:
    """Score of the most frequent vote, mean over equally frequent ones; without a vote the mean score."""
    groups: dict[Hashable, list[float]] = {}
    for vote, score in zip(votes, scores, strict=True):
        if vote is not None:
            groups.setdefault(vote, []).append(score)
    most = max(map(len, groups.values()), default=0)
    return fmean(fmean(group) for group in groups.values() if len(group) == most) if groups else fmean(scores)


def score_together(
    spec: GenerationSpec, scored: Sequence[Scored], texts: Sequence[str | None]
) -> dict[Scale, tuple[float | None, ...]]:
    """By measure of several answers, the score of each prompt. scored, texts: in the order prompt, sample."""
    scales = several_answers(spec.metrics, pass_at=spec.pass_at, majority=spec.majority)
    by, samples = right_or_wrong(spec.metrics), spec.decoding.samples
    if by is None or not scales:
        return {}
    scores = next(measure.scores for measure in scored if measure.scale.name == by.name)
    prompts = [slice(at, at + samples) for at in range(0, len(scores), samples)]
    vote = _ANSWER.get(by.name, str.strip)
    return {scale: tuple(_score(scale, scores[prompt], texts[prompt], vote) for prompt in prompts) for scale in scales}


def measure_of(task: str, scale: Scale, scores: Sequence[float | None], *, leads: bool) -> Measure:
    """The measure of one scale over all prompts."""
    scored = [score for score in scores if score is not None]
    return Measure(
        task=task,
        metric=scale.name,
        value=fmean(scored) if scored else None,
        n=len(scored),
        missing=len(scores) - len(scored),
        higher_is_better=scale.higher_is_better,
        binary=scale.binary,
        chance=scale.chance,
        headline=leads,
    )


def _score(
    scale: Scale, scores: Sequence[float | None], texts: Sequence[str | None], vote: Callable[[str], Hashable]
) -> float | None:
    scored = [
        (text, score) for text, score in zip(texts, scores, strict=True) if score is not None and text is not None
    ]
    if scale.name == MAJORITY:
        return majority([vote(text) for text, _ in scored], [score for _, score in scored]) if scored else None
    k = int(scale.name.partition("@")[2])
    right = sum(score == 1.0 for _, score in scored)
    return pass_at_k(len(scored), right, k) if len(scored) >= k else None
