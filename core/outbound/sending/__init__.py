"""One pass over the outbox: what is due is claimed, handed to relays over several connections, and settled."""
