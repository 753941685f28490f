"""Callbacks: one fine-tuning method a file, and the run's own display and logger."""
