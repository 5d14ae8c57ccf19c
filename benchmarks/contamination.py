"""Time of the contamination check: 52,000 rows against 10,000 examples (the promise is 60 s on one core).

Run from the repository root: `python -m benchmarks.contamination`.
"""

import resource
import time

import numpy as np

from bench.data.contamination import Question, overlaps, wanted_of

PROMISE_S = 60
ROWS, EXAMPLES, WORDS, PLANTED = 52_000, 10_000, 100, 200


def main() -> None:
    """Words by Zipf's law, as in prose; every 50th example is copied into a row. Prints seconds and peak memory."""
    generator = np.random.default_rng(0)
    lexicon = np.array([f"word{number}" for number in range(50_000)])
    rows = _texts(generator, lexicon, ROWS)
    examples = _texts(generator, lexicon, EXAMPLES)
    for index in range(PLANTED):
        rows[index * 7] += " " + examples[index * (EXAMPLES // PLANTED)]
    questions = [Question(task="t", prompt=text, target=None) for text in examples]
    start = time.process_time()
    found = overlaps(wanted_of([questions]), rows)[0]
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{ROWS:,} rows x {EXAMPLES:,} examples of {WORDS} words: {seconds:.1f} s of processor time, {peak:,.0f} MiB; "
        f"{len(found.found)} of {PLANTED} copies found"
    )


def _texts(generator: np.random.Generator, lexicon: np.ndarray, count: int) -> list[str]:
    drawn = np.minimum(generator.zipf(1.3, (count, WORDS)), lexicon.size) - 1
    return [" ".join(lexicon[row]) for row in drawn]


if __name__ == "__main__":
    main()
