"""A run for other programs: as JSON, as tables, and in the formats of lm-eval, Inspect, the Hub and trackers.

Contract: from the record, the scores and the comparison alone; nothing is computed that the report does not say.
"""
