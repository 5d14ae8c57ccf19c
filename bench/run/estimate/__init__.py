"""Estimates of time, memory and disk space of a plan, from shapes and past runs."""
