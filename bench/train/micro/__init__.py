"""The embedded base: its corpus, tokenizer and weights, by seed."""
