"""What a run says, decided once and drawn in the terminal, as Markdown with plots, as one HTML page, and as JSON.

Contract: everything is a function of the run directory, without torch, and can be done again at any time. Figures are
those of `analysis` and `sanity`; what prints puts them into words, columns and marks.
"""
