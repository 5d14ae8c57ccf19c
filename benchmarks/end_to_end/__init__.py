"""One question, answered from nothing to scores by `bench run` and by the script that one would write without it."""
