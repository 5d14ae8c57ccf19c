"""Tables of a suite file as frozen types: models, data, recipes, evals, claims.

Contract: a type knows its keys, their ranges and what excludes what; it reads no file and knows no other suite.
"""
