"""Matches to look at: played once more from their actions, drawn, and written as films, movies and traces."""
