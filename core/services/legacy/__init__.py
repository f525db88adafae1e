"""Settings of an older gateway: read, understood, taken over."""
