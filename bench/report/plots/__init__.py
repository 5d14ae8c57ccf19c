"""The report's plots as SVG: scores, differences, loss curves, quality against cost, scores over rows.

Contract: every plot shows figures of a `Comparison` as they stand. What is named stands beside its name, or in one
legend where points lie close together. One module per figure; `style` has what they share, `draw` draws them all.
matplotlib is imported only in here, when something is drawn.
"""
