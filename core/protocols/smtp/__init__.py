"""SMTP as a client (RFC 5321, RFC 6409): a login, and messages handed over with what came of each."""
