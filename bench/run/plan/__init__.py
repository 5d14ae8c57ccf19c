"""Jobs, their order and their digests.

Contract: pure; a digest covers what can change a job's result and nothing else.
"""
