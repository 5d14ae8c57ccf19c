"""Scores of a base or a tuned model.

`lm_eval` scores tasks and `choice`, `generated` generations and `questions`, `judge` and `loss.py` the kind of their
name. The rest serves all kinds: the subject and its inference, served models, metrics, the rehearsal, and jobs over
several evals (`trajectory.py`, `share.py`, `sweep.py`).

Contract: `job.run_eval` gives every subject the same examples through the same code. A score that could not be had is
`None` with a reason, never 0 and never NaN.
"""
