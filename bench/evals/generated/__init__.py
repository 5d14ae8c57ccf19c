"""Evals on generated answers: conversations, reference metrics, format checks, behaviour of the answers.

Contract: a prompt has one score, whatever the number of its samples, so that intervals are over prompts. A measure that
cannot be had of an answer is `None` and counted as missing; fixed questions have no score.
"""
