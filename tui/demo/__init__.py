"""The demo world: mail servers on loopback and sample mail, so that a newcomer needs no account of their own."""
