"""Shares of judged pairs: with the length of answers held equal, and with people's labels of some of the pairs.

Contract: as the room: pure and seeded.
"""
