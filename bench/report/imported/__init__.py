"""Results that lm-eval or Inspect wrote, as subjects of a comparison over the same examples.

Contract: from files alone. Examples are the same by content, whatever their numbers are; other examples are refused.
"""
