"""Checks before any work: the machine, the suite against the machine, warnings."""
