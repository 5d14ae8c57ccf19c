"""What a run says, decided once and drawn in the terminal, as Markdown with plots, as one HTML page, and as JSON."""
