"""Templates, described."""

from __future__ import annotations

from sqlalchemy import func, select

from core.models import AccountType, Mailbox, Template
from core.resources import checks
from core.resources.expressions import columns_of
from core.resources.kind import Column, ColumnType, Field, FieldType, Kind, Values

_c = columns_of(Template)
SECURITIES = ("none", "starttls", "tls")
_mailbox = columns_of(Mailbox)
_uses = (
    select(func.count())
    .where(_mailbox.template_id == _c.id, _mailbox.deleted_at.is_(None))
    .correlate(_c.id.table)
    .scalar_subquery()
)


def _falls_back(values: Values) -> bool:
    return bool(values.get("fallback"))


TEMPLATE = Kind(
    name="template",
    plural="templates",
    title="Templates",
    model=Template,
    key="name",
    group="Outgoing",
    description="Server settings that mailboxes share.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Unique among templates.", is_required=True, section="Template"),
        Field("comment", FieldType.TEXT, "Comment", section="Template"),
        Field("smtp_host", FieldType.TEXT, "SMTP host", "Name of the relay.", check=checks.host, section="Outgoing"),
        Field("smtp_port", FieldType.NUMBER, "SMTP port", "587 for submission.", 587, minimum=1, maximum=65535, section="Outgoing"),
        Field("smtp_security", FieldType.CHOICE, "Security", "starttls on 587, tls on 465.", "starttls", choices=SECURITIES, section="Outgoing"),
        Field("smtp_auth", FieldType.YES_NO, "Login", "Whether the relay asks for user name and password.", True, section="Outgoing"),
        Field("fallback", FieldType.YES_NO, "Fallback", "A second port, tried when the first cannot be reached.", False, section="Outgoing"),
        Field("fallback_port", FieldType.NUMBER, "Fallback port", "", 465, minimum=1, maximum=65535, section="Outgoing", shown_when=_falls_back),
        Field("fallback_security", FieldType.CHOICE, "Fallback security", "TLS is never dropped by itself.", "tls", choices=SECURITIES, section="Outgoing", shown_when=_falls_back),
        Field("ehlo_name", FieldType.TEXT, "EHLO name", "Empty: this machine's name.", check=checks.ehlo_name, section="Outgoing"),
        Field("incoming_type", FieldType.CHOICE, "Incoming type", "", "IMAPS", choices=tuple(AccountType), section="Incoming"),
        Field("incoming_host", FieldType.TEXT, "Incoming host", "For mailboxes that read their own inbox.", check=checks.host, section="Incoming"),
        Field("incoming_port", FieldType.NUMBER, "Incoming port", "Empty: the type's.", None, minimum=1, maximum=65535, section="Incoming"),
        Field("inbox_folder", FieldType.TEXT, "Inbox folder", "", "INBOX", check=checks.wire_argument, section="Incoming"),
        Field("tls_ca", FieldType.NOTE, "Extra CA", "A certificate authority to trust beside the system's: PEM text or a file's path.", section="Trust"),
        Field("tls_fingerprint", FieldType.TEXT, "Fingerprint", "SHA-256 of the one certificate to trust.", check=checks.fingerprint, section="Trust"),
    ),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _c.name, width=30),
        Column("smtp_host", "SMTP host", _c.smtp_host, width=24),
        Column("smtp_port", "Port", _c.smtp_port, ColumnType.NUMBER, width=5),
        Column("smtp_security", "Security", _c.smtp_security, width=8),
        Column("smtp_auth", "Login", _c.smtp_auth, ColumnType.YES_NO),
        Column("fallback", "Fallback", _c.fallback, ColumnType.YES_NO),
        Column("fallback_port", "Fallback port", _c.fallback_port, ColumnType.NUMBER),
        Column("fallback_security", "Fallback security", _c.fallback_security),
        Column("ehlo_name", "EHLO name", _c.ehlo_name),
        Column("incoming_type", "Incoming", _c.incoming_type),
        Column("incoming_host", "Incoming host", _c.incoming_host),
        Column("incoming_port", "Incoming port", _c.incoming_port, ColumnType.NUMBER),
        Column("inbox_folder", "Inbox folder", _c.inbox_folder),
        Column("tls_fingerprint", "Fingerprint", _c.tls_fingerprint),
        Column("mailboxes", "Used", _uses, ColumnType.NUMBER, width=4, is_filtered=False),
        Column("comment", "Comment", _c.comment),
    ),
    conditions=(_c.deleted_at.is_(None),),
)
