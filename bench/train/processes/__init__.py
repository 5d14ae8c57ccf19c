"""The processes of one training: what they exchange, and how they are distributed.

Contract: every rank decides alike, from numbers that all of them have. What cannot be distributed as it was asked for
is an error, never a training on fewer processes.
"""
