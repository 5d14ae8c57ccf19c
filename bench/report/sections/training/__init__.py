"""Sections about trainings: how each ended, what it cost, how fast it was.

Contract: `None` where the run has nothing of it; a training that failed has its row or its sentence, with the reason.
"""
