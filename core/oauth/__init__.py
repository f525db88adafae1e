"""OAuth 2: from a profile to an access token, and the people who sign in for it (RFC 6749, RFC 7636, RFC 8628)."""
