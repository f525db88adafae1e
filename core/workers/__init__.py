"""What runs by itself: fetching, sending, tidying."""
