"""Sections about single answers: side by side, flips, judges, generation."""
