"""What a step minimises: log-probabilities at supervised positions, and the router loss of mixtures of experts.

Contract: the reported loss is the negative log-likelihood, whatever is minimised.
"""
