"""Conversations become text, token ids and the characters that are supervised.

Contract: the text is that of the model's chat template; special tokens in a row's own text stay text.
"""
