"""The terminal as it is: slow, poor, far away, or gone. What the framework leaves to us there."""
