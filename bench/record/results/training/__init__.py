"""What a training brought back: its ledger, its losses, the rows that it saw, proof that it was applied.

Contract: written by the child that trained; counts are exact, and what was not measured is `None`.
"""
