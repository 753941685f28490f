"""Q-networks in pure PyTorch, and reading their weights from checkpoints."""
