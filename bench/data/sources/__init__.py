"""Files and hub repositories become records.

Contract: each record keeps its file and row number; what is unavailable is reported with its reason, before any work.
"""
