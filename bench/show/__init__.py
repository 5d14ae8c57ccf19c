"""What the command line shows without running a suite: lists, the rows of an arm, a model, a forecast.

Contract: one module per thing shown, with its type (JSON is the type's dump) and its printer; foreign text is cleaned
of control codes. What has to be computed is computed by `bench.run` or its children.
"""
