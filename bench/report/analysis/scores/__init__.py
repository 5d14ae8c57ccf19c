"""From per-example scores to values, differences, ranks and their noise; what was asked and answered beside them.

Contract: pure; `align` lines up the scores of all subjects over the same examples, everything else reads these arrays.
"""
