"""What a run is to conclude, stated before it: claims, the decision, planned looks, the gate, contamination.

Contract: no training and no score depends on these tables: none of their keys is in the digest of a training or an
eval.
"""
