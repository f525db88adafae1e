"""Signing in with OAuth2: a person's way through it, a worker's for those without the key, and how it stands."""
