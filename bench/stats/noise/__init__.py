"""Where noise comes from: examples, training seeds, subset draws; and what arms have in common.

Contract: pure; seeds that are missing never make the noise smaller.
"""
