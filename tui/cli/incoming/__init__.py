"""Commands about mail that comes in, and the records it becomes."""
