"""The programs that draw the dojo; art.py writes what they draw as a C header."""
