"""How long jobs will take: by earlier jobs of this machine, by short timings, by scored steps.

Contract: a time says where it comes from; a speed belongs to the machine that it was measured on.
"""
