"""The wire: IMAP, POP3 and SMTP, TLS and sign-in. Knows nothing of the database."""
