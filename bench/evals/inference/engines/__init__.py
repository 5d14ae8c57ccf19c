"""What generates a subject's answers in place of this program's own passes.

Contract: an engine is compared with this program's answers before its own are taken.
"""
