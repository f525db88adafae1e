"""Whether the right person signed in. Decides only: values in, a value out."""

from __future__ import annotations

from collections.abc import Iterable

from core.oauth.signer import Signer


def wrong_person(who: str, signer: Signer) -> str:
    """What to say when somebody else signed in for an account or mailbox."""
    field = "address" if signer.kind == "account" else "default_sender"
    return (
        f"{who} signed in, but {signer.title} is for {signer.username}: sign in as that user. If {who} may open "
        f"the mailbox as well (a shared one), say so first: postroom set {signer.title} {field}={who}"
    )


def is_the_owner(signed_in_as: Iterable[str], username: str, address: str) -> bool:
    """Whether one of the provider's names for who signed in is the user name or the address that is configured.

    A provider that says nothing is believed: then only the mail server can tell. User names without a domain are
    compared with the part before the @.
    """
    said = {name.strip().casefold() for name in signed_in_as if name.strip()}
    ours = {name.strip().casefold() for name in (username, address) if name.strip()}
    if not said or not ours or said & ours:
        return True
    if any("@" in name for name in ours):
        return False
    return bool({name.partition("@")[0] for name in said} & ours)
