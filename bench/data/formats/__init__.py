"""Records of any published shape become conversations.

Contract: a record is recognised by its keys, converted whole, or refused with its row; nothing that changes what is
learned is dropped.
"""
