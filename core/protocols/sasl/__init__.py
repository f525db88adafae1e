"""SASL (RFC 4422): which mechanisms there are, in which order they are tried, and what each of them says."""

from core.protocols.sasl.messages import oauthbearer, plain, xoauth2
from core.protocols.sasl.text import decoded, encoded, refuse_breaks, scrubbed

__all__ = ["decoded", "encoded", "oauthbearer", "plain", "refuse_breaks", "scrubbed", "xoauth2"]
