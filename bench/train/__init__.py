"""One training: batches, model, trainer, ledger, saved weights.

Contract: the batches are decided before the training; every slot, token and second is counted once.
"""
