"""An account's server, as a run meets it: connected to, listed, read from, and told what is safe here."""
