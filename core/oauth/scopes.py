"""What is asked of a provider: the scopes for reading and sending mail.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth"; Google, "OAuth 2.0 mechanism" of the
Gmail IMAP documentation, whose one scope covers all three protocols.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Use(StrEnum):
    """What a token is for."""

    IMAP = "IMAP"
    POP = "POP"
    SMTP = "SMTP"


EVERY_USE = (Use.IMAP, Use.POP, Use.SMTP)

_OFFICE365 = {
    Use.IMAP: "https://outlook.office.com/IMAP.AccessAsUser.All",
    Use.POP: "https://outlook.office.com/POP.AccessAsUser.All",
    Use.SMTP: "https://outlook.office.com/SMTP.Send",
}
_OFFICE365_APPLICATION = "https://outlook.office365.com/.default"
"""What an application may do without a person is chosen at its registration, not here."""

_GMAIL = "https://mail.google.com/"


def default_scopes(provider: str, method: str, uses: Collection[Use]) -> tuple[str, ...]:
    """The scopes when the profile names none; a custom provider has none of its own."""
    if provider == "gmail":
        return (_GMAIL,)
    if provider != "office365":
        return ()
    if method == "client_secret":
        return (_OFFICE365_APPLICATION,)
    return tuple(_OFFICE365[use] for use in EVERY_USE if use in uses)
