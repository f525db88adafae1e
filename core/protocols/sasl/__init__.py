"""SASL (RFC 4422): which mechanisms there are, in which order they are tried, and what each of them says."""

from core.protocols.sasl.messages import TOKEN_MECHANISMS, by_token, dismissal, oauthbearer, plain, xoauth2
from core.protocols.sasl.text import decoded, encoded, refuse_breaks, refuse_nul, scrubbed

__all__ = [
    "TOKEN_MECHANISMS",
    "by_token",
    "decoded",
    "dismissal",
    "encoded",
    "oauthbearer",
    "plain",
    "refuse_breaks",
    "refuse_nul",
    "scrubbed",
    "xoauth2",
]
