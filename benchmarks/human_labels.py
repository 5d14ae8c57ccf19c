"""Coverage of a judge's rate that a few human labels correct, by simulation.

Run from the repository root: `python -m benchmarks.human_labels [RUNS]`. People prefer 60% of 500 pairs; the judge
repeats them, prefers more (its bias), and on some pairs (its noise) says what has nothing to do with them."""

from __future__ import annotations

import sys

import numpy as np

from bench.stats.estimates.prediction_powered import corrected_rate

RUNS = 2_000
PAIRS = 500
RATE = 0.6
JUDGES = {"repeats people": (0.0, 0.0), "biased": (0.3, 0.1), "noisy": (0.0, 0.3), "unrelated to people": (0.3, 1.0)}
"""Bias and noise."""


def verdicts(generator: np.random.Generator, *, bias: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """People and judge on every pair."""
    people = (generator.random(PAIRS) < RATE).astype(float)
    unrelated = generator.random(PAIRS) < noise
    biased = np.maximum(people, generator.random(PAIRS) < bias)
    return people, np.where(unrelated, generator.random(PAIRS) < RATE + bias, biased).astype(float)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print("| labels | judge | coverage | width of the interval, mean |\n| ---: | --- | ---: | ---: |")
    for labelled in (20, 50, 100):
        for name, (bias, noise) in JUDGES.items():
            generator = np.random.default_rng(2024)
            held, widths = 0, []
            for _ in range(runs):
                people, judge = verdicts(generator, bias=bias, noise=noise)
                found = corrected_rate(people[:labelled], judge[:labelled], judge[labelled:])
                assert found.low is not None
                assert found.high is not None
                held += found.low <= RATE <= found.high
                widths.append(found.high - found.low)
            print(f"| {labelled} | {name} | {100 * held / runs:.1f}% | {np.mean(widths):.3f} |", flush=True)


if __name__ == "__main__":
    main()
