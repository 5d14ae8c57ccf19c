"""What a training used: tokens, slots, seconds by phase, FLOPs, memory, energy."""
