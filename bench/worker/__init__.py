"""What a child process does, by kind of request.

Contract: the only room that imports everything heavy; `kinds.py` is what the fork server imports. Each function takes a
payload, a folder and `emit`; what few requests need is imported inside the function.
"""
