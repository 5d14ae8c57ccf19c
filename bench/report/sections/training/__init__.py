"""Sections about trainings: how each ended, what it cost, how fast it was."""
