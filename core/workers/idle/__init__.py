"""Idling (RFC 2177): connections that wait, so that new mail is fetched within moments."""
