"""The report's plots as SVG: scores, differences, loss curves, quality against cost, scores over rows.

Contract: every plot shows figures of a `Comparison` unchanged. Each arm is named beside its points, or in one legend
where points are close together. One module per figure; `style` has the shared look, `draw` draws them all.
matplotlib is imported only in here, when something is drawn.
"""
