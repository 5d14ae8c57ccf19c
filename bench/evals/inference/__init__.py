"""Forward passes, scoring of continuations, generation: what computes, whoever asks.

Contract: a score depends on the model and the text alone; batches and shared prefixes change it by rounding only.
"""
