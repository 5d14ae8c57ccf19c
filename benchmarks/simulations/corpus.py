"""Coverage of the intervals of a corpus metric, with clusters, tasks, seeds, draws and gaps.
Truths are those of very large corpora of the same making."""

from dataclasses import dataclass

import numpy as np

from bench.stats.estimates.corpus import corpus_delta, corpus_interval
from bench.stats.samples.corpus_metrics import CORPUS_METRICS
from bench.stats.samples.corpus_sample import CorpusScores
from benchmarks.simulations.data import Rng
from benchmarks.simulations.table import Cell, Measure, Share, Table

REPLICATES = 150
BLEU = CORPUS_METRICS["bleu"]


def statistics(rng: Rng, skill: np.ndarray) -> np.ndarray:
    """BLEU's ten sums of answers of 8 to 24 words; skill [...]: the probability that a word matches."""
    words = rng.integers(8, 25, skill.shape[-1])
    orders = words[:, None] - np.arange(4)
    matched = rng.binomial(orders, skill[..., None] ** np.arange(1, 5))
    lengths = np.broadcast_to(words[:, None], (*skill.shape, 1))
    totals = np.broadcast_to(orders, (*skill.shape, 4))
    return np.concatenate([lengths, lengths, matched, totals], axis=-1).astype(float)


def scores(values: np.ndarray, *, present: np.ndarray | None = None, **fields: object) -> CorpusScores:
    """[seeds, examples, 10] as scores, all present unless said otherwise."""
    there = np.ones(values.shape[:2], dtype=bool) if present is None else present
    shown = np.where(there[..., None], values, 0.0)
    return CorpusScores(metric=BLEU, values=shown, present=there, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """seeds, draws: of the arm, against a base. clusters: of the examples, 0 for none; half of the variance of the
    skill is theirs. tasks: of the examples. missing: share of the arm's answers without a score, at random."""

    name: str
    examples: int
    clusters: int = 0
    tasks: int = 1
    seeds: int = 1
    draws: int = 0
    missing: float = 0.0
    known: bool = True
    """Whether the statistics know of the clusters and draws; if not, the case shows what they are for."""


CASES = (
    Case(name="BLEU, 200 examples", examples=200),
    Case(name="BLEU, 40 clusters of 10", examples=400, clusters=40),
    Case(name="BLEU, 40 clusters of 10, taken as independent", examples=400, clusters=40, known=False),
    Case(name="BLEU, 40 clusters of 10, 3 draws of 2 seeds", examples=400, clusters=40, seeds=6, draws=3),
    Case(name="BLEU, 3 tasks of 80", examples=240, tasks=3),
    Case(name="BLEU, 3 seeds", examples=200, seeds=3),
    Case(name="BLEU, 3 draws of 2 seeds", examples=200, seeds=6, draws=3),
    Case(name="BLEU, 3 draws of 2 seeds, taken as 6 seeds", examples=200, seeds=6, draws=3, known=False),
    Case(name="BLEU, 5 seeds that each lack a random fifth", examples=200, seeds=5, missing=0.2),
)
BASE, ARM, SPREAD, SEED = 0.55, 0.60, 0.10, 0.015


def one_run(rng: Rng, case: Case, *, large: int = 1) -> tuple[CorpusScores, CorpusScores]:
    """Fresh statistics of arm and base; with `large` times as many examples and clusters there is no seed noise."""
    examples, clusters = case.examples * large, case.clusters * large
    label = np.arange(examples) % clusters if clusters else None

    def difficulty() -> np.ndarray:
        if label is None:
            return SPREAD * rng.normal(size=examples)
        return SPREAD * (rng.normal(size=clusters)[label] + rng.normal(size=examples)) * 0.5**0.5

    hard = difficulty()
    seeds = case.seeds if large == 1 else 1
    noise = SEED * rng.normal(size=(seeds, 1)) if case.seeds > 1 else np.zeros((1, 1))
    drawn = None
    if case.draws and large == 1:
        drawn = np.repeat(np.arange(case.draws), seeds // case.draws)
        noise = noise + 2 * SEED * rng.normal(size=case.draws)[drawn][:, None]
    noise = noise if large == 1 else 0.0 * noise
    # the base finds other clusters hard, so that pairing does not take the clusters' noise away
    other = (
        hard if label is None else SPREAD * (rng.normal(size=clusters)[label] + rng.normal(size=examples)) * 0.5**0.5
    )
    arm, base = np.clip(ARM + hard + noise, 0.05, 0.95), np.clip(BASE + other, 0.05, 0.95)[None]
    known: dict[str, object] = {
        "clusters": label if case.known else None,
        "strata": np.arange(examples) // (examples // case.tasks) if case.tasks > 1 else None,
    }
    present = rng.random(arm.shape) >= case.missing
    left = scores(statistics(rng, arm), present=present, draws=drawn if case.known else None, **known)
    return left, scores(statistics(rng, base), trained=False, **known)


def measured(case: Case) -> Measure:
    """Coverage of the 95% intervals of the difference and of the arm's own value."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(12)
        arm, base = one_run(rng, Case(name="", examples=case.examples, clusters=case.clusters), large=2_000)
        truths = [float(BLEU.of_sums(side.values[0].sum(axis=0))) for side in (arm, base)]
        held = own = 0
        for run in range(runs):
            arm, base = one_run(rng, case)
            delta = corpus_delta(arm, base, seed=run, replicates=REPLICATES)
            value = corpus_interval(arm, seed=run, replicates=REPLICATES)
            assert delta is not None
            assert value is not None
            held += delta.low <= truths[0] - truths[1] <= delta.high  # type: ignore[operator]  # it has an interval
            own += value.low <= truths[0] <= value.high  # type: ignore[operator]  # it has an interval
        window = (93.0, 98.0) if case.known else None
        return tuple(Share(hits=hits, runs=runs, promised=window) for hits in (held, own))

    return row


TABLE = Table(
    title="Corpus metrics",
    about="BLEU of an arm against the base, and of the arm alone; the truth is that of a corpus 2,000 times as large. "
    "*Taken as independent*, *as 6 seeds*: what the statistics would say without clusters and draws.",
    columns=("difference", "value"),
    cases={case.name: measured(case) for case in CASES},
)
