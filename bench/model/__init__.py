"""A base model: loaded, its parameters and operations counted, and how far a subject is from it; the private names of
the libraries that load it.

Contract: nothing is downloaded. A private name of torch, transformers or PEFT is in the file of its library
(`torch_private`, `transformers_private`, `peft_private`), and in no other of this program.
"""
