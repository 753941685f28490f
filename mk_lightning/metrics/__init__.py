"""Metrics of matches, and their confidence intervals."""
