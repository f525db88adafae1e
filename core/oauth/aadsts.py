"""Microsoft's error codes and what to do about each.

Source: Microsoft, "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

from core.oauth.remedies import Kind, Remedy

_APP, _PERSON, _LATER = Kind.APP, Kind.PERSON, Kind.LATER

_TENANT = Remedy(
    _APP,
    "Microsoft does not know the tenant {tenant!r}: take the Directory (tenant) ID from the overview of the app "
    "registration into profile {profile}.",
)
_CLIENT = Remedy(
    _APP,
    "Tenant {tenant!r} has no application with the client id {client!r}: take the Application (client) ID from the "
    "overview of the app registration into profile {profile}, and look whether the tenant is the right one.",
)
_SECRET = Remedy(
    _APP,
    "the client secret of profile {profile} is wrong: enter the secret's Value, not its Secret ID. The value is shown "
    "only once; make a new secret if it is lost.",
)
_SECRET_EXPIRED = Remedy(
    _APP,
    "the client secret of profile {profile} has expired: make a new one under Certificates & secrets, and enter its "
    "value in the profile.",
)
_NO_SECRET = Remedy(
    _APP,
    "the application wants a client secret: enter one in profile {profile}, or set Allow public client flows to Yes "
    "under Authentication of the app registration.",
)
_PUBLIC = Remedy(_APP, "the application is a public client, which has no secret: remove it from profile {profile}.")
_CONSENT = Remedy(
    _APP,
    "nobody has consented to what profile {profile} asks for: under API permissions of the app registration add "
    "{scopes} and choose Grant admin consent.",
)
_SCOPE = Remedy(
    _APP, "the scopes of profile {profile} are not known to Microsoft: leave them empty for the usual ones."
)
_FACTOR = Remedy(
    _PERSON,
    "a second factor is asked for, which profile {profile} ({method}) cannot give. {cure}",
    for_ropc="a second factor is asked for, which user name and password cannot give: use a profile with the "
    "method device_code or authorization_code, or the client secret.",
)
_POLICY = Remedy(
    _APP,
    "a policy of conditional access of the tenant keeps this sign-in away: ask its administrator to allow the "
    "application, or this machine's address.",
)
_PASSWORD = Remedy(_PERSON, "user name or password of {name} is wrong. {cure}")
_NO_USER = Remedy(_PERSON, "tenant {tenant!r} has no user {user!r}: check the user name of {name} and the tenant id.")
_LOCKED = Remedy(
    _APP,
    "the user {user!r} is locked after too many wrong passwords, or this machine's address is: wait, or ask the "
    "tenant's administrator.",
)
_DISABLED = Remedy(_APP, "the user {user!r} is disabled: the tenant's administrator can enable it.")
_PASSWORD_EXPIRED = Remedy(_PERSON, "the password of {user!r} has expired: change it at Microsoft. {cure}")
_ASSIGNED = Remedy(
    _APP,
    "the user {user!r} is not assigned to the application: add it under Users and groups of the enterprise "
    "application, or set Assignment required to No there.",
)
_REVOKED = Remedy(_PERSON, "the sign-in was revoked, or the password has changed since. {cure}")
_RUN_OUT = Remedy(
    _PERSON, "the sign-in has run out, because it was not used for long or by a policy of the tenant. {cure}"
)
_CODE = Remedy(_PERSON, "the code has run out, was used before or is another's. Begin the sign-in again.")
_REDIRECT = Remedy(
    _APP,
    "the application does not know the redirect address: add http://localhost as a redirect of the type Web under "
    "Authentication of the app registration.",
)
_BUSY = Remedy(_LATER, "Microsoft is busy. It is asked again later.")

CODES: dict[str, Remedy] = {
    # The directory and the application.
    **dict.fromkeys(("90002", "900023", "900021", "50059", "50128"), _TENANT),
    "50194": Remedy(_APP, "the application is for one tenant only: enter that tenant's id in profile {profile}."),
    **dict.fromkeys(
        ("50020", "90072"),
        Remedy(_PERSON, "the one who signed in is not of tenant {tenant!r}. Sign in as somebody of it."),
    ),
    **dict.fromkeys(("700016", "700038", "7000229"), _CLIENT),
    "7000112": Remedy(
        _APP, "the application of profile {profile} is disabled: enable it under Enterprise applications."
    ),
    "7000215": _SECRET,
    "7000222": _SECRET_EXPIRED,
    "7000218": _NO_SECRET,
    **dict.fromkeys(("700025", "90023"), _PUBLIC),
    **dict.fromkeys(("65001", "65005", "650056", "650057", "90094", "90095", "900941"), _CONSENT),
    "65004": Remedy(_PERSON, "the one who signed in did not consent. {cure}"),
    **dict.fromkeys(("70011", "500011", "50001", "28002", "28003", "1002012"), _SCOPE),
    **dict.fromkeys(("50011", "500113", "900971"), _REDIRECT),
    "700051": Remedy(_APP, "the application may not use this grant: choose another method in profile {profile}."),
    # The person.
    **dict.fromkeys(("50126", "50056", "50064"), _PASSWORD),
    "50034": _NO_USER,
    "50053": _LOCKED,
    "50057": _DISABLED,
    **dict.fromkeys(("50055", "50144"), _PASSWORD_EXPIRED),
    "50105": _ASSIGNED,
    **dict.fromkeys(("50072", "50074", "50076", "50078", "50079", "50158", "500121", "50203"), _FACTOR),
    **dict.fromkeys(("53000", "53001", "53002", "53003", "53004", "530002", "530003", "530032"), _POLICY),
    **dict.fromkeys(("50173", "50132", "50133", "70000"), _REVOKED),
    **dict.fromkeys(("700082", "700081", "700084", "70043", "70044", "70008", "50089"), _RUN_OUT),
    **dict.fromkeys(("54005", "70018", "70019", "70020", "501481", "50148"), _CODE),
    # Microsoft itself.
    **dict.fromkeys(("90033", "90024", "90025", "50196", "90055"), _BUSY),
}
"""The remedy by code, without the `AADSTS` before it."""
