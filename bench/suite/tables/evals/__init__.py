"""`[[eval]]` of a suite: one class per kind of eval.

Contract: a kind's file has its keys and what excludes what; `kind.py` has the facts in which kinds differ,
`eval_spec.py` tells the kinds apart and reads the keys that several have.
"""
