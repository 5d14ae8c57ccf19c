"""The record of a run: what its jobs were, how each ended, and what they brought back.

Contract: made of the plan, the outcomes and the store alone; paths of this machine do not get into it.
"""
