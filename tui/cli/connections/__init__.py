"""Commands that try connections, and sign in."""
