"""Sections about scores: by arm, seed, slice and number of rows, and where their noise comes from."""
