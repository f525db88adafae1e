"""Commands about mail that leaves, and what is offered to others."""
