"""The DataModule: environments, collection and replay behind Lightning's loaders."""
