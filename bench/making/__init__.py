"""Training rows written by a model: instructions from seed tasks, answers of a teacher, best of K, scores, rewrites.

Contract: every row was written by a model and has its provenance. An answer that failed, could not be read, was cut off
or repeats an earlier row is counted. The same specification run again resumes.
"""
