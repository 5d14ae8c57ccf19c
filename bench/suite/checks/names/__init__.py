"""Whether the names in a suite mean something. Pure: looks at the suite alone."""
