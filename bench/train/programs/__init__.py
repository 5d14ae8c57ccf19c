"""Trainings by another program: the user's own command, and unsloth in an environment of its own.

Contract: the program gets the rows of the recipe's schedule in training order, as often as it holds them; what it
wrote is held against the base as weights from elsewhere are.
"""
