"""Whether a training was really applied: the subject as evals load it, held against its base and against the trainer.

Contract: what was measured is a fact of the record, never an error; a finished training is not lost over its check.
"""
