"""Which rows of a source an arm trains on: selectors, mixtures, near duplicates, hold-out and dev splits.

Contract: every draw takes a seed; equal rows and seed give equal selections on every machine.
"""
