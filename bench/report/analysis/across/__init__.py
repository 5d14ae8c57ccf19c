"""Two runs held against each other: whether their scores mean the same, and how far apart they are.

Contract: pure. Runs whose scores do not mean the same are refused, with every key that differs; what else differs is
listed, and refuses nothing.
"""
