"""Kills a real run at random moments and compares what comes out with a run that nobody disturbed."""
