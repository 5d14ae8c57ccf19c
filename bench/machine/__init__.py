"""The machine that a job runs on: its device and precision, peak memory, work of other programs, the peak of matrix
products.

Contract: read or measured, never guessed; `None` where the machine does not say.
"""
