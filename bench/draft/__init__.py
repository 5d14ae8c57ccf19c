"""`bench init`: a first suite for a model and data files, from what they are seen to be.

Contract: every choice is written with its reason beside it; what only the user can decide (margins) is marked. The
suite that is written validates.
"""
