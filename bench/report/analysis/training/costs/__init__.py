"""What trainings took and whether that was equal: doses, seconds by phase, speeds, prices, quality against cost.

Contract: pure functions of the record.
"""
