"""Trainings by another program: the user's own command, and unsloth in an environment of its own."""
