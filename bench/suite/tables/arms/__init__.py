"""Arms of a suite: what is trained or was given, and the forms in which an arm is shipped.

Contract: an arm has one name, whether it is trained, given or a form of another.
"""
