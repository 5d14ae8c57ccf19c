"""What the trainings consisted of and what they cost: doses, speeds, prices, curves, endings.

Contract: pure functions of the record.
"""
