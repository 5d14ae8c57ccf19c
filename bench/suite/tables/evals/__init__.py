"""`[[eval]]` of a suite: one class per kind of eval.

Contract: a kind's file has its keys and what excludes what; `eval_spec.py` tells the kinds apart, and answers what is
asked of an eval of any kind.
"""
