"""Deployed forms of trained arms: written as they are shipped, and measured.

Contract: a form is written once into its job's folder; evals load it from there (`bench.model.loading.deployed`) and
from nowhere else, so that what is scored is what would be shipped.
"""
