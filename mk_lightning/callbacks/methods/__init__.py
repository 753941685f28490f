"""Fine-tuning methods, one a file."""
