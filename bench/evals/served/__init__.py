"""Evals of a model behind a server: its answers are text, and nothing is loaded here.

Contract: the same rows, metrics and task files as every other subject; prompts are messages, which the server's own
template wraps. A reply is on disk before it is used, so that nothing is paid for twice.
"""
