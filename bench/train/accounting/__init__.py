"""What a training uses: tokens, slots, seconds by phase, FLOPs, memory, energy, and what a budget is worth in them.

Contract: counts are those of the batches that were trained on, not of the plan; each second is in one phase. What
cannot be measured is `None`, never a guess.
"""
