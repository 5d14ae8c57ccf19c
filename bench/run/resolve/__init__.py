"""From names to contents on this machine: models, data, task folders and judges of a suite, each by its hash.

Contract: an input that is wrong is an `InputError`; an input that is unavailable for now is marked, and only the jobs
that need it cannot run.
"""
