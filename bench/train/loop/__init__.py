"""The training loop: TRL's trainer on an exact schedule, its head, validation, checkpoints, stop and trackers.

Contract: each file has one part; `trainer.py` alone knows when a part is called.
"""
