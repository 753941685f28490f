"""Experience: replay, collection and whole matches."""
