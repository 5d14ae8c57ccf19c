"""Commands beside `bench run` that use the same children, models and finished runs.

Contract: whatever needs a model or a library runs in a child; no record of a run is changed.
"""
