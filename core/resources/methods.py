"""The ways of signing in with OAuth2: what a profile needs for each, and what is to be done at the provider.

Form, validation, help and docs are drawn from `METHODS`. Sources: RFC 6749 (grants), RFC 8628 (device code), RFC 8252
(loopback); Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth"; Google, "Using OAuth 2.0 to Access
Google APIs" and "OAuth 2.0 for TV and Limited-Input Device Applications".
"""

from __future__ import annotations

from dataclasses import dataclass

from core.resources.kind import Values

PROVIDERS = ("gmail", "office365", "custom")
PERSONAL = frozenset({"authorization_code", "device_code"})
"""The methods for which somebody signs in, with a browser, before mail flows."""
NAMES = ("client_secret", "password", "refresh_token", "authorization_code", "device_code")


@dataclass(frozen=True)
class Method:
    """One way of signing in at one provider."""

    provider: str
    name: str
    title: str
    """As help and docs are headed."""
    fields: tuple[str, ...]
    """The fields of the profile that count, beside name, provider and method, in the order of the form."""
    needed: tuple[str, ...]
    """Those of them that must be given; a secret that is missing is only warned of, since exports hold none."""
    login: str
    """What the account or mailbox adds."""
    steps: tuple[str, ...]
    """What is to be done, in turn; the docs hold these very sentences."""
    retired: str = ""
    """Why it should not be chosen any more; empty when it may."""
    page: str = ""
    """The page of the docs with all of it."""

    @property
    def asks_a_person(self) -> bool:
        """Whether somebody signs in, with a browser, before mail flows."""
        return self.name in PERSONAL


_OFFICE365 = "docs/oauth-office365.md"
_GMAIL = "docs/oauth-gmail.md"

_REGISTER = (
    "In the Microsoft Entra admin centre (entra.microsoft.com) open App registrations, New registration; choose "
    "accounts in this organizational directory only. Its overview shows the Application (client) ID and the Directory "
    "(tenant) ID."
)
_VALUE = (
    "Certificates & secrets, New client secret: it lasts two years at most. Copy its Value at once, it is shown only "
    "this once; the Secret ID beside it is not the secret. Note the day it expires."
)
_DELEGATED = (
    "API permissions, Add a permission, Microsoft Graph, Delegated permissions: IMAP.AccessAsUser.All, "
    "POP.AccessAsUser.All, SMTP.Send and offline_access. Then Grant admin consent."
)
_ASSIGNED = (
    "Enterprise applications, your application, Properties: where Assignment required is on, add every mailbox's user "
    "under Users and groups."
)
_PUBLIC = "Authentication, Advanced settings: set Allow public client flows to Yes."
_OWNER = (
    "The owner of the mailbox signs in, nobody else: the token opens the mailbox of whoever signed in. For a shared "
    "mailbox use the client secret method."
)
_SMTP_AUTH = (
    "To send, SMTP AUTH must be allowed for the mailbox: Set-CASMailbox -Identity support@example.org "
    "-SmtpClientAuthenticationDisabled $false"
)
_CONSENT = (
    "In the Google Cloud console (console.cloud.google.com) make a project, enable the Gmail API, and set up the OAuth "
    "consent screen with the scope https://mail.google.com/, which is the only one for IMAP, POP and SMTP."
)
_PUBLISH = (
    "Choose the user type Internal (Google Workspace), or publish the app: while its publishing status is Testing, "
    "every refresh token dies after 7 days."
)
_DESKTOP = (
    "Credentials, Create credentials, OAuth client ID. For the type Desktop app any loopback address will do; for the "
    "type Web application add the redirect address http://localhost:8400 and sign in with --port 8400."
)

METHODS: tuple[Method, ...] = (
    Method(
        "gmail", "refresh_token", "Gmail, refresh token",
        ("client_id", "client_secret", "scopes"), ("client_id", "client_secret"),
        "the refresh token of the account, pasted into its form or got by signing in",
        (
            _CONSENT, _PUBLISH, _DESKTOP,
            "Enter client id and client secret in a profile, and choose the profile in the account or mailbox.",
            "Paste a refresh token into the account or mailbox, or let its owner sign in: postroom oauth login.",
        ),
        page=_GMAIL,
    ),
    Method(
        "gmail", "authorization_code", "Gmail, authorization code",
        ("client_id", "client_secret", "scopes"), ("client_id", "client_secret"),
        "its owner, who signs in with a browser",
        (
            _CONSENT, _PUBLISH, _DESKTOP,
            "Enter client id and client secret in a profile, and choose the profile in the account or mailbox.",
            "The owner of the mailbox signs in, and leaves the box for the access to mail ticked: postroom oauth login.",
        ),
        page=_GMAIL,
    ),
    Method(
        "office365", "password", "Office 365, API user name and password",
        ("client_id", "tenant_id", "scopes"), ("client_id", "tenant_id"),
        "its own user name and password",
        (
            _REGISTER, _DELEGATED, _PUBLIC, _ASSIGNED,
            "Enter client id and tenant id in a profile; the account keeps its own user name and password, and names "
            "the profile.",
            _SMTP_AUTH,
        ),
        retired=(
            "Microsoft retires this grant (ROPC), and it fails for every user with multi-factor sign-in. Choose the "
            "client secret or the device code instead."
        ),
        page=_OFFICE365,
    ),
    Method(
        "office365", "client_secret", "Office 365, client secret",
        ("client_id", "tenant_id", "client_secret", "secret_expires", "scopes"),
        ("client_id", "tenant_id", "client_secret"),
        "only its user name, the address of the mailbox",
        (
            _REGISTER, _VALUE,
            "API permissions, Add a permission, APIs my organization uses, Office 365 Exchange Online, Application "
            "permissions: IMAP.AccessAsApp, POP.AccessAsApp, SMTP.SendAsApp. Then Grant admin consent.",
            "Enterprise applications, your application: copy its Object ID. The Object ID under App registrations is "
            "another one and does not work.",
            "In Exchange Online PowerShell make the service principal: New-ServicePrincipal -AppId CLIENT-ID "
            "-ObjectId OBJECT-ID",
            "Give it each mailbox: Add-MailboxPermission -Identity support@example.org -User OBJECT-ID "
            "-AccessRights FullAccess; and to send as it: Add-RecipientPermission -Identity support@example.org "
            "-Trustee OBJECT-ID -AccessRights SendAs",
            _SMTP_AUTH,
            "Enter client id, tenant id and the secret's value in a profile; choose the profile in the account or "
            "mailbox, with the address of the mailbox as user name.",
        ),
        page=_OFFICE365,
    ),
    Method(
        "office365", "authorization_code", "Office 365, authorization code",
        ("client_id", "tenant_id", "client_secret", "secret_expires", "scopes"), ("client_id", "tenant_id"),
        "its owner, who signs in with a browser",
        (
            _REGISTER,
            "Authentication, Add a platform, Web: the redirect address is http://localhost (whatever the port). "
            "This type needs a client secret.",
            _VALUE, _DELEGATED, _ASSIGNED, _SMTP_AUTH,
            "Enter client id, tenant id and the secret's value in a profile, and choose it in the account or mailbox.",
            _OWNER,
        ),
        page=_OFFICE365,
    ),
    Method(
        "office365", "device_code", "Office 365, device code",
        ("client_id", "tenant_id", "scopes"), ("client_id", "tenant_id"),
        "its owner, who signs in on any other screen",
        (
            _REGISTER, _PUBLIC, _DELEGATED, _ASSIGNED, _SMTP_AUTH,
            "Enter client id and tenant id in a profile, and choose it in the account or mailbox. A policy of "
            "conditional access may block the device code; then use the authorization code.",
            _OWNER,
        ),
        page=_OFFICE365,
    ),
    Method(
        "office365", "refresh_token", "Office 365, refresh token",
        ("client_id", "tenant_id", "client_secret", "secret_expires", "scopes"), ("client_id", "tenant_id"),
        "the refresh token of the account, pasted into its form or got by signing in",
        (
            _REGISTER, _DELEGATED, _ASSIGNED, _SMTP_AUTH,
            "Paste a refresh token that was given to this application into the account or mailbox, or let its owner "
            "sign in: postroom oauth login. A client secret is needed where the token was given to a Web application.",
        ),
        page=_OFFICE365,
    ),
    Method(
        "custom", "client_secret", "Other provider, client credentials",
        ("client_id", "client_secret", "secret_expires", "token_url", "scopes"),
        ("client_id", "client_secret", "token_url"),
        "only its user name",
        (
            "Register a client at the provider that may use the grant client_credentials.",
            "Enter client id, secret, token address and scopes; choose the profile in the account or mailbox.",
        ),
    ),
    Method(
        "custom", "password", "Other provider, user name and password",
        ("client_id", "client_secret", "secret_expires", "token_url", "scopes"), ("client_id", "token_url"),
        "its own user name and password",
        (
            "Register a client at the provider that may use the grant password.",
            "Enter client id, token address and scopes; the account keeps its own user name and password.",
        ),
        retired="OAuth 2.1 drops this grant, and it fails for users with multi-factor sign-in.",
    ),
    Method(
        "custom", "refresh_token", "Other provider, refresh token",
        ("client_id", "client_secret", "secret_expires", "auth_url", "device_url", "token_url", "scopes"), ("client_id", "token_url"),
        "the refresh token of the account, pasted into its form or got by signing in",
        (
            "Register a client at the provider and have it give a refresh token for the mailbox.",
            "Enter client id, secret and token address, and paste the refresh token into the account or mailbox. With "
            "a sign-in address its owner can sign in instead.",
        ),
    ),
    Method(
        "custom", "authorization_code", "Other provider, authorization code",
        ("client_id", "client_secret", "secret_expires", "auth_url", "device_url", "token_url", "scopes"),
        ("client_id", "auth_url", "token_url"),
        "its owner, who signs in with a browser",
        (
            "Register a client at the provider with the redirect address http://localhost (RFC 8252: whatever the "
            "port); where the port counts, add http://localhost:8400 and sign in with --port 8400.",
            "Enter client id, secret, both addresses and scopes; the owner of the mailbox signs in: postroom oauth "
            "login.",
        ),
    ),
    Method(
        "custom", "device_code", "Other provider, device code",
        ("client_id", "client_secret", "secret_expires", "auth_url", "device_url", "token_url", "scopes"),
        ("client_id", "device_url", "token_url"),
        "its owner, who signs in on any other screen",
        (
            "Register a client at the provider that may use the device code (RFC 8628).",
            "Enter client id, both addresses and scopes; the owner of the mailbox signs in: postroom oauth login.",
        ),
    ),
)  # fmt: skip
"""Every way that works; what is not here, the provider does not offer for mail."""

REFUSED = {
    ("gmail", "client_secret"): "Google gives no mail to a client secret alone.",
    ("gmail", "password"): "Google takes no user name and password for a token.",
    ("gmail", "device_code"): "Google's device code does not cover mail (scope https://mail.google.com/).",
}
"""The combinations that are not offered, and why."""


def method_of(provider: object, name: object) -> Method | None:
    """The way of signing in with this provider and method; none when it is not offered."""
    return next((one for one in METHODS if (one.provider, one.name) == (provider, name)), None)


def why_not(provider: str, name: str) -> str:
    """Why a pair is not offered, and what is."""
    why = REFUSED.get((provider, name), f"{provider} does not offer {name}.")
    return f"{why} It is one of {', '.join(offered_by(provider))}."


def has_profile(values: Values) -> bool:
    """Whether an account or mailbox signs in with a profile."""
    return bool(values.get("profile"))


def offered_by(provider: object) -> tuple[str, ...]:
    """The methods that a provider offers for mail."""
    return tuple(one.name for one in METHODS if one.provider == provider)
