"""What happened, as typed files on disk: run directory, jobs, scores, ledger, environment.

Contract: JSON and JSON lines only; written whole or not at all; readable without torch.
"""
