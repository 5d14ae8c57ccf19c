"""What was answered, and what that says: side by side, flips, judges, the drawing of answers.

Contract: pure functions of the record and of aligned scores.
"""
