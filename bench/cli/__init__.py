"""The command line: parse, call, print, exit code; nothing else.

Contract: help in under 0.3 s, so each command imports what it needs when it runs. Every refusal is a `BenchError`,
caught once, in `bench.cli.main`.
"""
