"""The commands of `bench`, a file for each group that belongs together.

Contract: a command parses, calls, prints and ends with an exit code; the work is in the room that does it.
"""
