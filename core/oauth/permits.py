"""What a mail server's operator has to permit when a good token is refused.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth" (service principals, mailbox
permissions); Google, "Turn POP & IMAP on & off for users".
"""

from __future__ import annotations

from core.oauth.scopes import Use
from core.oauth.signer import Signer

_SWITCH = {
    Use.IMAP: "IMAP be on for it (Set-CASMailbox -ImapEnabled $true)",
    Use.POP: "POP be on for it (Set-CASMailbox -PopEnabled $true)",
    Use.SMTP: "SMTP AUTH be allowed for it (Set-CASMailbox -SmtpClientAuthenticationDisabled $false)",
}
_BY_APPLICATION = {Use.IMAP: "IMAP.AccessAsApp", Use.POP: "POP.AccessAsApp", Use.SMTP: "SMTP.SendAsApp"}
_BY_PERSON = {Use.IMAP: "IMAP.AccessAsUser.All", Use.POP: "POP.AccessAsUser.All", Use.SMTP: "SMTP.Send"}


def what_to_permit(signer: Signer, use: Use, signed_in_as: str = "") -> str:
    """A sentence for whoever runs the mail server."""
    mailbox, who = signer.username, signed_in_as or "the one who signed in"
    if signer.app.provider == "gmail":
        switch = "" if use is Use.SMTP else f", and {use} be on for it in Gmail's settings"
        return (
            f"The token is good: it must be of {mailbox} itself{switch}; the administrator of Google Workspace may "
            f"have switched {use} off for all."
        )
    if signer.app.provider != "office365":
        return (
            f"The provider gave the token just now: see that the mail server takes its tokens for {mailbox}, and that "
            f"the scopes of profile {signer.app.profile} are those it wants."
        )
    if signer.app.method == "client_secret":
        return (
            "The token is good: in Exchange make the application's service principal (New-ServicePrincipal, with the "
            f"Object ID of the enterprise application) and give it the mailbox (Add-MailboxPermission {mailbox} "
            f"-AccessRights FullAccess); {_BY_APPLICATION[use]} needs admin consent, and {_SWITCH[use]}."
        )
    return (
        f"The token is good: {who} must be the owner of {mailbox} or have full access to it, {_BY_PERSON[use]} be "
        f"among the application's permissions, and {_SWITCH[use]}."
    )
