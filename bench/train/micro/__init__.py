"""The embedded base: its corpus, tokenizer and weights, by seed.

Contract: with one seed, machine and number of threads the weights are the same; a base is in its folder whole or not at
all.
"""
