"""The training loop: TRL's trainer on an exact schedule, with its loss, its checkpoints and the step that it keeps.

Contract: each file or room has one part; `trainer.py` alone knows when a part is called.
"""
