"""The processes of a vector environment: one emulator each."""
