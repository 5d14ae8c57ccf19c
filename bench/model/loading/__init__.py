"""From a folder of weights to a model: whole, quantised, GGUF, tuned, or from code that the checkpoint brings.

Contract: safetensors only, which a GGUF file is read back to; nothing is downloaded, and no code of a checkpoint runs
but where the command line allowed it.
"""
