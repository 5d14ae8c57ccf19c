"""A base model: loaded, its parameters and operations counted, and how far a subject is from it; the private names of
the libraries that load it.

Contract: nothing is downloaded. A private name of a library is in that library's file (`LIBRARY_private.py`, here or in
the only room that uses it), and in no other of this program.
"""
