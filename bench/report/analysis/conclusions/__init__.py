"""What a run decides: claims and their sentences, the arm to take, the next seed to train, the first sentences.

Contract: pure. No arm is better or worse than another unless that is resolved among all claims asked together; what is
missing makes a conclusion incomplete or open, never certain.
"""
