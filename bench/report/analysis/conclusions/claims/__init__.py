"""The suite's claims and their verdicts, each with the sentence that gives its reason.

Contract: all claims of a run are decided together; what is missing makes one incomplete.
"""
