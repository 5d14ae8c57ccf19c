"""Rehearsal of an eval: everything that it does but the model's passes, on a few rows, before anything is trained.

Contract: needs tokenizer and template, never weights. Tasks are built, rows rendered and tokenised, every metric is
computed on made-up answers, references are counted, an endpoint is asked once. `rehearse` raises `InputError` with all
that would leave the eval without a score; what only the model's own answers can show is left to the base's eval.
"""
