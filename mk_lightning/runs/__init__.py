"""What keeps a run: its directory and lock, its checkpoints, and how it stops and goes on."""
