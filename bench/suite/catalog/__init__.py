"""What a suite can name: model cards, templates, judge prompts, measures and lm-eval tasks.

Contract: shipped and local ones are read alike, none runs code.
"""
