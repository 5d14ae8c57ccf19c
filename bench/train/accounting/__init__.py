"""What a training uses: tokens, slots, seconds by phase, FLOPs, memory, energy, and what a budget is worth in them."""
