"""Generation of text by this program's own passes.

Contract: a request's answer does not depend on the requests beside it, but for rounding.
"""
