"""A view becomes Markdown, HTML or terminal text.

Contract: no arithmetic, no decisions; foreign text is escaped for its format.
"""
