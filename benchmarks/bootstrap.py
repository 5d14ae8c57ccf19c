"""Time of one paired delta: 10,000 bootstrap replicates over 1,000 examples (the promise is 0.5 s).

Run from the repository root: `python -m benchmarks.bootstrap`.
"""

import time

import numpy as np

from bench.stats.estimates.paired import REPLICATES, paired_delta
from bench.stats.samples.sample import Scores

PROMISE_S = 0.5


def main() -> None:
    """Prints the median of five runs for several sizes."""
    generator = np.random.default_rng(0)
    for seeds, examples, clusters in ((1, 1_000, None), (3, 1_000, None), (1, 1_000, 100), (1, 10_000, None)):
        base = generator.normal(size=examples)
        arm = base + 0.1 + generator.normal(size=(seeds, examples))
        labels = None if clusters is None else np.arange(examples) % clusters
        times = [_seconds(arm, base, labels) for _ in range(5)]
        kind = f"{seeds} seed(s), {examples:,} examples" + (f", {clusters} clusters" if clusters else "")
        print(f"{kind:42} {REPLICATES:,} replicates  {np.median(times):.3f} s")


def _seconds(arm: np.ndarray, base: np.ndarray, clusters: np.ndarray | None) -> float:
    left, right = (
        Scores(values=v, present=np.ones(v.shape, bool), weights=np.ones(v.shape[1]), clusters=clusters, trained=t)
        for v, t in ((arm, True), (base[None, :], False))
    )
    start = time.perf_counter()
    paired_delta(left, right, seed=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
