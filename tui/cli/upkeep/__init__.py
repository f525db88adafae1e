"""Commands that keep Postroom in order."""
