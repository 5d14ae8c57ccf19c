"""What a suite names becomes content on this machine: models, data, judges, by hash."""
