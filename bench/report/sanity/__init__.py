"""What a reader must know before trusting a cell: sanity verdicts, computed from the record and the comparison.

Contract: a check states what it saw with its figure; it never removes the cell. One module per subject of the checks;
`checks` lists them all.
"""
