"""How an arm is trained: the recipe with its adapter, optimiser, processes and sweep, the budget, the rows held out.

Contract: a type reads no file. A key that its method or engine does not use is refused, never dropped.
"""
