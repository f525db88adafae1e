"""Mailboxes, described."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func

from core.models import Mailbox, MailboxStatus, Profile, Template
from core.resources import checks
from core.resources.expressions import columns_of, name_of, status_of, token_of
from core.resources.kind import Action, Column, ColumnType, Field, FieldType, Kind
from core.resources.methods import has_profile

_c = columns_of(Mailbox)


def _status(column: str) -> ColumnElement[Any]:
    return status_of(MailboxStatus, column, "mailbox_id", _c.id)


_how_it_does = case((_c.active.is_(False), "inactive"), (_status("failures") > 0, "failing"), else_="ok")

MAILBOX = Kind(
    name="mailbox",
    plural="mailboxes",
    title="Mailboxes",
    model=Mailbox,
    key="name",
    group="Outgoing",
    description="The logins that mail leaves through.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Unique among mailboxes.", is_required=True, section="Mailbox"),
        Field("template", FieldType.REFERENCE, "Template", "The server it sends by.", is_required=True, refers_to="template", section="Mailbox"),
        Field("active", FieldType.YES_NO, "Active", "Whether it takes turns; an inactive one may still be a failover.", True, section="Mailbox"),
        Field("username", FieldType.TEXT, "User name", "", check=checks.wire_argument, section="Login"),
        Field("password", FieldType.SECRET, "Password", "Sealed; never shown again.", section="Login"),
        Field("profile", FieldType.REFERENCE, "Sign-in profile", "For OAuth2 in place of a password.", refers_to="profile", section="Login"),
        Field("refresh_token", FieldType.SECRET, "Refresh token", "For profiles that work with one.", section="Login", shown_when=has_profile),
        Field("default_sender", FieldType.TEXT, "Default sender", "Fills a missing From, perhaps with a name: Desk <desk@example.org>; the envelope sender unless one is given.", check=checks.sender, section="Message"),
        Field("force_from", FieldType.YES_NO, "Force From", "Replace From by the default sender; the old one becomes Reply-To.", False, section="Message"),
        Field("subject_prefix", FieldType.TEXT, "Subject prefix", "Put before the subject unless it stands there already.", section="Message"),
        Field("bcc", FieldType.WORDS, "Bcc", "Addresses that receive a copy of everything.", (), check=checks.mail_addresses, section="Message"),
        Field("return_path", FieldType.TEXT, "Return path", "Where bounces go; {token} in it leads each back to its message: bounces+{token}@example.org.", section="Message"),
        Field("mime_script", FieldType.TEXT, "MIME script", "A Python file in the scripts folder that may change each message.", check=checks.file_name, section="Message"),
        Field("priority", FieldType.NUMBER, "Priority", "The lowest number takes the turns.", 10, minimum=0, maximum=9999, section="Turns"),
        Field("failover", FieldType.REFERENCE, "Failover mailbox", "Tried when this one cannot send.", refers_to="mailbox", section="Turns"),
        Field("from_filter", FieldType.WORDS, "From filter", "Addresses or domains whose mail it sends; empty: any.", (), section="Turns"),
        Field("rate_per_minute", FieldType.NUMBER, "Rate a minute", "0: no limit.", 0, section="Turns"),
        Field("max_size", FieldType.SIZE, "Largest message", "0: the server's own limit.", 0, section="Turns"),
        Field("read_inbox", FieldType.YES_NO, "Read inbox", "Fetch the mailbox's own inbox as an account.", False, section="Inbox"),
        Field("comment", FieldType.TEXT, "Comment", section="Inbox"),
    ),
    table=("name", "status", "template", "default_sender", "priority", "last_sent_at", "failover"),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _c.name, width=16),
        Column("active", "Active", _c.active, ColumnType.YES_NO),
        Column("template", "Template", name_of(Template, _c.template_id), width=16),
        Column("username", "User", _c.username),
        Column("default_sender", "Sender", _c.default_sender, width=20),
        Column("force_from", "Force From", _c.force_from, ColumnType.YES_NO),
        Column("subject_prefix", "Prefix", _c.subject_prefix),
        Column("bcc", "Bcc", _c.bcc, ColumnType.WORDS),
        Column("priority", "Prio", _c.priority, ColumnType.NUMBER, width=4),
        Column("failover", "Failover", name_of(Mailbox, _c.failover_id), width=10),
        Column("from_filter", "From filter", _c.from_filter, ColumnType.WORDS),
        Column("rate_per_minute", "Rate", _c.rate_per_minute, ColumnType.NUMBER),
        Column("max_size", "Largest", _c.max_size, ColumnType.SIZE),
        Column("mime_script", "Script", _c.mime_script),
        Column("return_path", "Return path", _c.return_path),
        Column("profile", "Profile", name_of(Profile, _c.profile_id)),
        Column("read_inbox", "Inbox", _c.read_inbox, ColumnType.YES_NO),
        Column("status", "Status", _how_it_does, ColumnType.STATE, width=10),
        Column("failures", "Failures", _status("failures"), ColumnType.NUMBER, is_filtered=False),
        Column("cooling_until", "Cooling until", _status("cooling_until"), ColumnType.TIME, is_filtered=False),
        Column("last_error", "Last error", _status("last_error")),
        Column("last_sent_at", "Sent", _status("last_sent_at"), ColumnType.TIME, width=8, is_filtered=False),
        Column("server_max_size", "Server takes", _status("server_max_size"), ColumnType.SIZE, is_filtered=False),
        Column("server_takes_utf8", "SMTPUTF8", _status("server_takes_utf8"), ColumnType.YES_NO, is_filtered=False),
        Column("tested_at", "Tested", _status("tested_at"), ColumnType.TIME, is_filtered=False),
        Column("certificate_expires", "Certificate ends", _status("certificate_expires"), ColumnType.TIME, is_filtered=False),
        Column("signed_in_as", "Signed in as", func.coalesce(token_of("mailbox", "signed_in_as", _c.id), "")),
        Column("sign_in_expires", "Sign-in ends", token_of("mailbox", "refresh_expires_at", _c.id), ColumnType.TIME, is_filtered=False),
        Column("comment", "Comment", _c.comment),
    ),
    actions=(
        Action("test", "t", "Test", "Try the connection, step by step, without sending"),
        Action("sign in", "o", "Sign in", "Sign in with OAuth2, as its profile says"),
        Action("deliver", "f", "Send now", "Send what is due"),
        Action("route", "c", "Who sends", "Which mailbox would send a message now, and which ones after it"),
        Action("roundtrip", "b", "Both ends", "Send a probe out through it and see it arrive in an account"),
    ),
    conditions=(_c.deleted_at.is_(None),),
)
