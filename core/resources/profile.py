"""Sign-in profiles, described."""

from __future__ import annotations

from collections.abc import Callable

from core.models import Profile
from core.resources import checks
from core.resources.expressions import columns_of
from core.resources.kind import Advice, Column, ColumnType, Field, FieldType, Kind, Values
from core.resources.methods import NAMES, PROVIDERS, method_of, why_not

_c = columns_of(Profile)


def _counts(field: str) -> Callable[[Values], bool]:
    """Whether the provider and method chosen know the field."""

    def counts(values: Values) -> bool:
        method = method_of(values.get("provider"), values.get("method"))
        return method is not None and field in method.fields

    return counts


def _needed(field: str) -> Callable[[Values], bool]:
    def needed(values: Values) -> bool:
        method = method_of(values.get("provider"), values.get("method"))
        return method is not None and field in method.needed

    return needed


def _advice(values: Values) -> Advice:
    provider, name = str(values.get("provider")), str(values.get("method"))
    method = method_of(provider, name)
    if method is None:
        return Advice(f"{provider}, {name}", why_not(provider, name))
    return Advice(method.title, method.retired, method.steps, method.page)


PROFILE = Kind(
    name="profile",
    plural="profiles",
    title="OAuth profiles",
    model=Profile,
    key="name",
    group="System",
    description="App registrations for signing in with OAuth2.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Unique among profiles.", is_required=True),
        Field("provider", FieldType.CHOICE, "Provider", "Gmail, Office 365, or another by its addresses.", "office365", is_required=True, choices=PROVIDERS),
        Field("method", FieldType.CHOICE, "Method", "How tokens are got; ctrl+g tells what to do for it.", "client_secret", is_required=True, choices=NAMES),
        Field("client_id", FieldType.TEXT, "Client id", "The application's id at the provider.", is_required=True),
        Field("tenant_id", FieldType.TEXT, "Tenant id", "The directory's id or its domain.", check=checks.tenant, shown_when=_counts("tenant_id"), needed_when=_needed("tenant_id")),
        Field("client_secret", FieldType.SECRET, "Client secret", "The secret's value, not its id.", shown_when=_counts("client_secret"), needed_when=_needed("client_secret")),
        Field("secret_expires", FieldType.DATE, "Secret expires", "The day, as the provider shows it, to be warned in time.", None, shown_when=_counts("secret_expires")),
        Field("auth_url", FieldType.TEXT, "Sign-in address", "Where a person signs in with a browser.", check=checks.web_address, shown_when=_counts("auth_url"), needed_when=_needed("auth_url")),
        Field("device_url", FieldType.TEXT, "Device address", "Where a device code is asked for.", check=checks.web_address, shown_when=_counts("device_url"), needed_when=_needed("device_url")),
        Field("token_url", FieldType.TEXT, "Token address", "Where tokens are given.", check=checks.web_address, shown_when=_counts("token_url"), needed_when=_needed("token_url")),
        Field("scopes", FieldType.WORDS, "Scopes", "Empty: the provider's usual ones.", (), shown_when=_counts("scopes")),
    ),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _c.name, width=20),
        Column("provider", "Provider", _c.provider, width=10),
        Column("method", "Method", _c.method, width=18),
        Column("client_id", "Client id", _c.client_id, width=14),
        Column("tenant_id", "Tenant id", _c.tenant_id),
        Column("auth_url", "Sign-in address", _c.auth_url),
        Column("token_url", "Token address", _c.token_url),
        Column("device_url", "Device address", _c.device_url),
        Column("scopes", "Scopes", _c.scopes, ColumnType.WORDS),
        Column("secret_expires", "Expires", _c.secret_expires, ColumnType.TIME, width=7, is_filtered=False),
    ),
    conditions=(_c.deleted_at.is_(None),),
    advise=_advice,
)
