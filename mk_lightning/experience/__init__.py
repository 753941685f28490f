"""Experience: replay, collection, whole matches, and the DataModule that owns the environments."""
