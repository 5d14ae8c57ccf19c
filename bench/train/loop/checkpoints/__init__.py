"""A training in progress on disk: when it is saved, what of it, and how it resumes.

Contract: a checkpoint is whole or not there; a resumed training goes through the steps of an undisturbed one.
"""
