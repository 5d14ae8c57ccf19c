"""What is worth running: a check of the instrument before money is spent, and more seeds until the claims are decided.

Contract: computes nothing about models by itself; it plans and runs jobs through `bench.run`, and reads results through
`bench.report`.
"""
