"""Checks of model folders, of tokens that templates write, and of what a recipe hands to DeepSpeed and FSDP."""
