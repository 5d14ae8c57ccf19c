"""What a job measures of the machine it runs on: peak memory, work of other programs, the peak of matrix products.

Contract: read or measured, never guessed; `None` where the machine does not say.
"""
