"""What was run: inputs, subjects, and jobs that failed or never ran."""
