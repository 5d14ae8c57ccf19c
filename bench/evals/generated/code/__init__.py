"""Answers that are Python: run against the tests of their row, in a process that can harm nothing.

Contract: code runs only where the command line allows it, and only in the sandbox; without one it is refused, never run
outside.
"""
