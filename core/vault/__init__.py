"""Secrets, sealed at rest under a key that lives outside the database."""
