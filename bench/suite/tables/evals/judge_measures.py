"""Names of a judge eval's measures, and what a tie scores: shared by the eval and the report."""

WIN_RATE = "win_rate"
CONSISTENT = "position_consistency"
UNREAD = "unread_verdicts"
LENGTHS = "answer_lengths"
"""Among a row's statistics: characters of this subject's answer, and of the one that it is compared with."""
TIE = 0.5
"""Score of a pair without a winner, and of a subject against itself."""
