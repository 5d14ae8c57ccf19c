"""Pairwise judging: pairs, prompts, both orders, reading the verdict.

Contract: each pair is asked in both orders; a flip is a tie; a reply that cannot be read is counted, not guessed.
"""
