"""Jobs as they are asked for: one training, one speed probe, or one subject on one eval.

Contract: a job is data; its digest covers everything that can change its result.
"""
