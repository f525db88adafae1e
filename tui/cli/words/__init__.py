"""The words of a command line, read."""
