"""What an eval asks: a loaded subject with its scorer and generator, its stand-in for rehearsals, its server.

Contract: every kind of eval asks a subject through this room, so that all compute in the same way.
"""
