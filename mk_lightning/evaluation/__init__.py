"""Evaluation: metrics of matches and the before/after table."""
