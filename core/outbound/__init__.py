"""The way out: who sends a message, what leaves, what the relay's answer means."""
