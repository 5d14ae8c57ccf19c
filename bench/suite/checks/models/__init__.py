"""Checks of model folders, of tokens that templates write, and of what a recipe hands to DeepSpeed and FSDP.

Contract: reads names, JSON and text files, and headers of weights; loads no model and imports no heavy library.
"""
