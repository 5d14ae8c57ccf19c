"""Messages of any notation to turns: roles, parts of a content, thoughts, calls of tools, and their order.

Contract: each key and part is used by its meaning, known to mean nothing, or refused.
"""
