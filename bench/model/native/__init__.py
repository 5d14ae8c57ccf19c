"""Products of few rows, passes of Llama-like decoders, and what layers compute between products while they are trained,
in C++ that is compiled where it runs.

Contract: numbers are those of torch's layers, within rounding; a row's do not depend on the rows beside it or on the
number of threads, to the last bit. Where nothing can be compiled, nothing here is used.
"""
