"""Which step's weights a training keeps: the validation loss, the scores of stored steps, the best so far.

Contract: the rule is the recipe's; the weights of every step but the kept one are not needed afterwards.
"""
