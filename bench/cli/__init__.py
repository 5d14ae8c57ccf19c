"""The command line: parse, call, print, exit code; nothing else.

Contract: help in under 0.3 s, so each command imports what it needs when it runs. What a command refuses is a
`BenchError`; every error is caught once, in `bench.cli.main`, and becomes a message and an exit code
(`bench.errors.ExitCode`).
"""
