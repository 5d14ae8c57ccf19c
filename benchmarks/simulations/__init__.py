"""What `docs/statistics.md` promises, by simulation: each table has promise and finding side by side."""
