"""Training rows written by a model: instructions from seed tasks, answers of a teacher, best of K, scores, rewrites.

Contract: a row is either what a model wrote, with its provenance, or it is not there; what failed, could not be read,
was cut off or stood there already is counted. The same specification run again goes on where it stopped.
"""
