"""Environments: one emulator behind gymnasium's interface, and many of them side by side. No torch here."""
