"""From a folder of weights to a model: whole, quantised, GGUF, tuned, or from code that the checkpoint brings."""
