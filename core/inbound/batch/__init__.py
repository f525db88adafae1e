"""A batch of messages on its way into the database: what it is decided by, what it writes, its one transaction."""
