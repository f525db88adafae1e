"""IMAP (RFC 3501): commands and answers, and what a fetch makes of them."""
