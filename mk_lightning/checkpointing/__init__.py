"""How a run is kept on disk: its directory and lock, and its checkpoints."""
