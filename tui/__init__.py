"""The two faces of Postroom: the command line and the terminal console."""
