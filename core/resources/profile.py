"""Sign-in profiles, described."""

from __future__ import annotations

from core.models import Profile
from core.resources import checks
from core.resources.expressions import columns_of
from core.resources.kind import Column, ColumnType, Field, FieldType, Kind, Values

_c = columns_of(Profile)
PROVIDERS = ("gmail", "office365", "custom")
METHODS = ("client_secret", "password", "refresh_token", "authorization_code", "device_code")


def _is_custom(values: Values) -> bool:
    return values.get("provider") == "custom"


def _is_office365(values: Values) -> bool:
    return values.get("provider") == "office365"


PROFILE = Kind(
    name="profile",
    plural="profiles",
    title="OAuth profiles",
    model=Profile,
    key="name",
    group="System",
    description="App registrations for signing in with OAuth2.",
    fields=(
        Field("name", FieldType.TEXT, "Name", is_required=True),
        Field("provider", FieldType.CHOICE, "Provider", "", "office365", is_required=True, choices=PROVIDERS),
        Field("method", FieldType.CHOICE, "Method", "", "client_secret", is_required=True, choices=METHODS),
        Field("client_id", FieldType.TEXT, "Client id", "The application's id at the provider.", is_required=True),
        Field("client_secret", FieldType.SECRET, "Client secret", "The secret's value, not its id."),
        Field("secret_expires", FieldType.DATE, "Secret expires", "As the provider shows it, to be warned in time.", None),
        Field("tenant_id", FieldType.TEXT, "Tenant id", "", shown_when=_is_office365),
        Field("auth_url", FieldType.TEXT, "Authorization address", "", check=checks.web_address, shown_when=_is_custom),
        Field("token_url", FieldType.TEXT, "Token address", "", check=checks.web_address, shown_when=_is_custom),
        Field("device_url", FieldType.TEXT, "Device address", "", check=checks.web_address, shown_when=_is_custom),
        Field("scopes", FieldType.WORDS, "Scopes", "Empty: the provider's usual ones.", ()),
    ),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _c.name, width=20),
        Column("provider", "Provider", _c.provider, width=10),
        Column("method", "Method", _c.method, width=18),
        Column("client_id", "Client id", _c.client_id, width=24),
        Column("tenant_id", "Tenant id", _c.tenant_id),
        Column("auth_url", "Authorization address", _c.auth_url),
        Column("token_url", "Token address", _c.token_url),
        Column("device_url", "Device address", _c.device_url),
        Column("scopes", "Scopes", _c.scopes, ColumnType.WORDS),
        Column("secret_expires", "Secret expires", _c.secret_expires, ColumnType.TIME, is_filtered=False),
    ),
    conditions=(_c.deleted_at.is_(None),),
)
