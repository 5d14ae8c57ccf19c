"""What can be known of a training before it: whether it can be done, its exact counts, its rows, the faster precision.

Contract: no weight of the model is read, and no step of the training is made.
"""
