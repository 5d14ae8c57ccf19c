"""How an arm is trained: the recipe with its adapter, optimiser, processes and sweep, the budget, the rows held out."""
