"""From a suite to a finished run directory: resolve, plan, execute, record.

Contract: the parent imports no heavy library; jobs run in child processes; what was finished stays finished.
"""
