"""The SMTP listener: mail that programs on this machine hand in, taken into the outbox."""
