"""Two runs held against each other: whether their scores mean the same, and how far apart they are."""
