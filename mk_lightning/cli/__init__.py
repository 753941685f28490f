"""The command line: Lightning's commands and the tools beside them."""
