"""Commands beside Lightning's: states, weak, compare and doctor. None of them imports torch."""
