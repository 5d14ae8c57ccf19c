"""A suite as types: tables of the TOML file, profiles, overrides, and every check that needs no library.

Contract: unknown keys are errors; all problems come in one message, each with its place in the file.
"""
