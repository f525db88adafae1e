"""What a shell asks at TAB, and the scripts that make it ask."""
