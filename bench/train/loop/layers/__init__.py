"""Steps on a processor by fewer and larger operations than a model's layers are written in.

Contract: numbers are those of transformers' and PEFT's layers, within rounding, and weights are where they were. What
is not known to compute the same stays as it is.
"""
