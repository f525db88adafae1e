"""How the process begins, hears of signals and ends."""
