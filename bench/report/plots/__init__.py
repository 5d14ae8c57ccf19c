"""The report's plots: scores, differences, training curves, quality against cost, scores over rows.

Contract: every plot shows figures of a `Comparison` unchanged, as panels that read at the width of a telephone. One
module per figure; `rows` and `lines` are the two kinds of panel, `axes` and `canvas` what they are drawn with.
"""
