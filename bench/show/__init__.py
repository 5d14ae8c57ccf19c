"""What the command line shows without running a suite: lists, an arm's rows, a model, a forecast.

Contract: measures through `bench.run`, prints with Rich; all foreign text is cleaned of control codes.
"""
