"""The processes of one training: what they exchange, and how they are distributed."""
