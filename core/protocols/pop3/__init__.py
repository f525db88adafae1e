"""POP3 (RFC 1939): commands and answers, and what a fetch makes of them."""
