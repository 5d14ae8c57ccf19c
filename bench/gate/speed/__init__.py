"""`bench gate speed`: two versions stepped in turn, each a process of its own code and libraries.

Contract: `step_server.py` and `counting.py` load torch and run in the version that is stepped; the other modules are
light and run in the parent.
"""
