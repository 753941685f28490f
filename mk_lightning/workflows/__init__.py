"""Whole runs in one call."""
