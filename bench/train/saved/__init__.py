"""A trained subject on disk: weights as safetensors, the files beside them, and a folder for other programs.

Contract: plain transformers and PEFT load what is written here, and use it as they use the base.
"""
