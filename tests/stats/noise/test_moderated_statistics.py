"""Corpus metrics, rates at equal length and quality per cost take the noise of seeds from all arms, as scores do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.stats.estimates.corpus import corpus_delta, corpus_interval, corpus_seed_prior
from bench.stats.estimates.costs.efficiency import efficiency_prior, efficiency_ratio
from bench.stats.estimates.judged.length_control import JudgedPairs, length_controlled, length_prior
from bench.stats.estimates.paired import paired_delta
from bench.stats.noise.moderation import SeedPrior
from bench.stats.samples.corpus_metrics import CORPUS_METRICS
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import matrix

ARMS, SEEDS, EXAMPLES = 6, 3, 60
Rng = np.random.Generator


def rates(rng: Rng) -> list[CorpusScores]:
    """IFEval's instructions: right ones of three a prompt."""
    metric = CORPUS_METRICS["inst_level_strict_acc"]
    arms = []
    for _ in range(ARMS):
        chance = np.clip(0.5 + 0.1 * rng.normal(size=(SEEDS, 1)), 0.1, 0.9)
        right = rng.binomial(3, np.broadcast_to(chance, (SEEDS, EXAMPLES)))
        values = np.stack([right, np.full_like(right, 3)], axis=-1).astype(float)
        arms.append(CorpusScores(metric=metric, values=values, present=np.ones((SEEDS, EXAMPLES), dtype=bool)))
    return arms


def judged(rng: Rng) -> list[JudgedPairs]:
    arms = []
    for _ in range(ARMS):
        lengths = rng.normal(5, 40, (SEEDS, EXAMPLES))
        odds = 0.4 * rng.normal(size=(SEEDS, 1)) + np.tanh(lengths / 40)
        wins = rng.random(lengths.shape) < 1 / (1 + np.exp(-odds))
        arms.append(JudgedPairs(preferences=wins.astype(float), differences=lengths))
    return arms


def costly(rng: Rng) -> list[tuple[Scores, list[float]]]:
    arms = []
    for _ in range(ARMS):
        right = (rng.random((SEEDS, EXAMPLES)) < 0.5).astype(float)
        scores = Scores(values=right, present=np.ones_like(right, dtype=bool), weights=np.ones(EXAMPLES), binary=True)
        arms.append((scores, np.exp(0.1 * rng.normal(size=SEEDS)).tolist()))
    return arms


def degrees_of_corpus(prior: SeedPrior | None, rng: Rng) -> float | None:
    arms = rates(rng)
    delta = corpus_delta(arms[0], arms[1], seed=0, replicates=50, prior=prior)
    value = corpus_interval(arms[0], seed=0, replicates=50, prior=prior)
    moderated = prior is not None
    assert ("moderated" in value.method) is ("moderated" in delta.method) is moderated
    assert ("moderated" in value.noise) is ("moderated" in delta.noise) is moderated
    assert delta.seed_prior is prior
    return None if delta.components is None else delta.components.seed_degrees


def degrees_of_costs(prior: SeedPrior | None, rng: Rng) -> float | None:
    arms = costly(rng)
    ratio = efficiency_ratio(arms[0], arms[1], counted=False, seed=0, replicates=50, prior=prior)
    return None if ratio.components is None else ratio.components.seed_degrees


@pytest.mark.parametrize(
    ("prior_of", "degrees"),
    [
        (lambda rng: corpus_seed_prior(rates(rng)), degrees_of_corpus),
        (lambda rng: efficiency_prior(costly(rng)), degrees_of_costs),
    ],
)
def test_six_arms_together_know_their_noise_better_than_two_alone(
    prior_of: Callable[[Rng], SeedPrior], degrees: Callable[[SeedPrior | None, Rng], float | None]
) -> None:
    prior = prior_of(np.random.default_rng(4))
    assert prior.usable
    assert prior.pooled_degrees == ARMS * (SEEDS - 1)
    alone, together = (degrees(known, np.random.default_rng(4)) for known in (None, prior))
    assert alone is not None
    assert together is not None
    assert alone <= 2 * (SEEDS - 1) < together <= prior.pooled_degrees


def test_a_rate_at_equal_length_is_moderated_too() -> None:
    arms = judged(np.random.default_rng(2))
    prior = length_prior(arms)
    assert prior.usable
    found = length_controlled(arms[0], seed=0, replicates=100, prior=prior)
    assert "moderated" in found.method


def without_seeds(*lost: int) -> np.ndarray:
    present = np.ones((SEEDS, EXAMPLES), dtype=bool)
    present[list(lost)] = False
    return present


@pytest.mark.parametrize(
    ("changes", "degrees", "lost"),
    [
        ({"draws": np.array([0, 1, 1])}, (ARMS - 1) * (SEEDS - 1), 0),
        ({"draws": np.array([0, 1, 2])}, (ARMS - 1) * (SEEDS - 1), 0),
        ({"present": without_seeds(0)}, (ARMS - 1) * (SEEDS - 1) + 1, 0),
        ({"present": without_seeds(0, 1)}, (ARMS - 1) * (SEEDS - 1), 1),
        ({"present": without_seeds(0, 1, 2)}, (ARMS - 1) * (SEEDS - 1), 1),
    ],
)
def test_draws_tell_nothing_of_others_and_lost_seeds_all_that_is_left(
    changes: dict[str, np.ndarray], degrees: int, lost: int
) -> None:
    rng = np.random.default_rng(4)
    corpus, pairs = rates(rng), judged(rng)
    priors = (
        corpus_seed_prior([replace(corpus[0], **changes), *corpus[1:]]),
        length_prior([replace(pairs[0], **changes), *pairs[1:]]),
    )
    for prior in priors:
        assert (prior.pooled_degrees, prior.lost) == (degrees, lost)


def test_an_arm_that_lost_a_seed_or_learned_from_draws_stays_with_its_own() -> None:
    corpus = rates(np.random.default_rng(4))
    present = without_seeds(0)
    whole = corpus_seed_prior(corpus)
    drawn = corpus_interval(replace(corpus[0], draws=np.arange(SEEDS)), seed=0, replicates=50, prior=whole)
    assert "moderated" not in drawn.method
    short = corpus_interval(replace(corpus[0], present=present), seed=0, replicates=50, prior=whole)
    assert "moderated" not in short.method


def answers(*right: int) -> Scores:
    """Seeds with so many right answers of 400, the same ones first."""
    return matrix(np.array([np.arange(400) < count for count in right]), binary=True)


@pytest.mark.parametrize("turned", [False, True])
def test_a_side_that_gets_nothing_right_is_as_noisy_as_the_other(turned: bool) -> None:
    """Seen: two seeds without a right answer had no noise, and "not worse by two points" a p-value of 2e-19."""

    def worse(reference: tuple[int, int]) -> float:
        """One-sided, of 3.5 points above the reference against two points below it."""
        arms = [answers(8, 20), answers(*reference)]
        delta = paired_delta(*(arms[::-1] if turned else arms), seed=0, replicates=1)
        assert delta.curve is not None
        return 1.0 - delta.curve.cdf(0.02) if turned else delta.curve.cdf(-0.02)

    assert 1e-4 < worse((0, 0)) < worse((1, 0))
