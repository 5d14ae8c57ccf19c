"""Sums by group, and who gets arrays without scipy."""

import subprocess
import sys

import numpy as np

from bench.stats.arrays import grouped_sums


def test_a_group_without_members_sums_to_zero() -> None:
    assert grouped_sums(np.array([1, 1]), np.array([2.0, 3.0]), 3).tolist() == [0.0, 5.0, 0.0]


def test_a_child_that_scores_examples_does_not_import_scipy() -> None:
    code = "import sys, bench.stats.samples.corpus_metrics\nprint('scipy.special' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
