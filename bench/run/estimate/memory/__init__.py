"""Memory of trainings before they start: on a device and on a processor, and where it is more than there is.

Contract: computed from shapes and the recipe; no weight is loaded.
"""
