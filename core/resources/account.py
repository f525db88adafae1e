"""Accounts, described."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, func, literal, null, select
from sqlmodel.sql.sqltypes import AutoString

from core.models import Account, AccountStatus, AccountType, AfterFetch, Profile, Queue, Run, Validity
from core.resources import checks
from core.resources.expressions import columns_of, name_of, status_of, token_of
from core.resources.kind import Action, Asked, Column, ColumnType, Field, FieldType, Kind, Values
from core.resources.methods import has_profile

_c = columns_of(Account)


def _status(column: str) -> ColumnElement[Any]:
    return status_of(AccountStatus, column, "account_id", _c.id)


_run, _of = columns_of(Run), columns_of(AccountStatus)
# Correlated by hand: a subquery within a subquery would bring a second "account" of its own.
_last_run_at = func.coalesce(
    select(_run.started_at)
    .where(_run.id == _of.last_run_id, _of.account_id == _c.id)
    .correlate(_c.id.table)
    .scalar_subquery(),
    # Retention removes runs: an account that was paused for long has none left, and was fetched all the same.
    _status("last_ok_at"),
)


def _by_queue(values: Values) -> bool:
    return values.get("dispatching") == "queue"


def _moves(values: Values) -> bool:
    return values.get("after_fetch") == "move"


def _is_imap(values: Values) -> bool:
    return str(values.get("type", "IMAPS")).startswith("IMAP")


def _afterwards(values: Values) -> list[tuple[str, str]]:
    answers = [("keep", "it stays there, untouched"), ("delete", "it is removed there")]
    return [*answers, ("move", "it is moved to another folder there")] if _is_imap(values) else answers


def _beginnings(values: Values) -> list[tuple[str, str]]:
    answers = [("all", "everything that is there"), ("now", "only what comes from now on")]
    return [*answers, ("", "what came since a day: type it")] if _is_imap(values) else answers


_AFTER = Asked("Once a message is stored here, what happens on its server?", _afterwards)
_START = Asked("What does the first run take in?", _beginnings)

# Who is not fetched has no next time.
_next = case((and_(_c.validity == "valid", _status("paused").is_(False)), _status("due_at")), else_=null())


ACCOUNT = Kind(
    name="account",
    plural="accounts",
    title="Accounts",
    model=Account,
    key="name",
    group="Incoming",
    description="The incoming mailboxes that are fetched into records.",
    fields=(
        Field("name", FieldType.TEXT, "Name", "Unique among accounts.", is_required=True, section="Account"),
        Field("validity", FieldType.CHOICE, "Validity", "Only valid accounts are fetched.", "valid", choices=tuple(Validity), section="Account"),
        Field("type", FieldType.CHOICE, "Type", "IMAPS and POP3S are TLS from the start, IMAPTLS and POP3TLS turn to it (STARTTLS), IMAP and POP3 stay in clear text.", "IMAPS", is_required=True, choices=tuple(AccountType), section="Server"),
        Field("host", FieldType.TEXT, "Host", "Name of the mail server.", is_required=True, check=checks.host, section="Server"),
        Field("port", FieldType.NUMBER, "Port", "Empty: the type's (143, 993, 110, 995).", None, minimum=1, maximum=65535, section="Server"),
        Field("username", FieldType.TEXT, "User name", "", is_required=True, check=checks.wire_argument, section="Login"),
        Field("password", FieldType.SECRET, "Password", "Sealed; never shown again.", section="Login"),
        Field("profile", FieldType.REFERENCE, "Sign-in profile", "For OAuth2 in place of a password.", refers_to="profile", section="Login"),
        Field("refresh_token", FieldType.SECRET, "Refresh token", "For profiles that work with one.", section="Login", shown_when=has_profile),
        Field("address", FieldType.TEXT, "Address", "Empty: the user name, when it is an address.", check=checks.mail_address, section="Login"),
        Field("dispatching", FieldType.CHOICE, "Dispatching", "Choose the queue by the To address, or one queue for all.", "to", choices=("to", "queue"), section="Dispatch"),
        Field("queue", FieldType.REFERENCE, "Queue", "Where new records go.", refers_to="queue", section="Dispatch", shown_when=_by_queue),
        Field("trusted", FieldType.YES_NO, "Trusted", "Obey X-OTOBO-* headers of its mail: only for senders you know.", False, section="Dispatch", asks="Whoever may write to this account decides queue, state and owner of its records. Trusted is only for senders you know."),
        Field("record_type", FieldType.TEXT, "Record type", "What a message becomes.", "Ticket", section="Dispatch"),
        Field("folders", FieldType.WORDS, "Folders", "IMAP folders to fetch, separated by commas.", ("INBOX",), check=checks.folders, section="Fetching", shown_when=_is_imap),
        Field("after_fetch", FieldType.CHOICE, "After fetching", "What happens on the server once a message is stored here.", "keep", choices=tuple(AfterFetch), section="Fetching", asked=_AFTER),
        Field("move_to", FieldType.TEXT, "Move to", "Made if it is missing.", check=checks.wire_argument, section="Fetching", shown_when=_moves),
        Field("mark_seen", FieldType.YES_NO, "Mark seen", "Set \\Seen on what is kept.", False, section="Fetching", shown_when=_is_imap),
        Field("start_from", FieldType.TEXT, "Start from", "all, now or a date: what a first run takes in.", "all", check=checks.start_from, section="Fetching", asked=_START),
        Field("interval", FieldType.DURATION, "Interval", "Empty: as in the settings (10m).", None, section="Fetching"),
        Field("priority", FieldType.NUMBER, "Priority", "The lowest number is fetched first.", 5, minimum=0, maximum=9999, section="Fetching"),
        Field("idle", FieldType.YES_NO, "IDLE", "Let the server tell of new mail at once, where it can.", True, section="Fetching", shown_when=_is_imap),
        Field("max_messages", FieldType.NUMBER, "Messages a run", "The rest follows at once.", 5000, minimum=1, maximum=1_000_000, section="Limits"),
        Field("max_size", FieldType.SIZE, "Largest message", "A larger one is left on the server and reported.", 32 << 20, minimum=1, section="Limits"),
        Field("tls_ca", FieldType.NOTE, "Extra CA", "A certificate authority to trust beside the system's: PEM text or a file's path.", section="Trust"),
        Field("tls_fingerprint", FieldType.TEXT, "Fingerprint", "SHA-256 of the one certificate to trust.", check=checks.fingerprint, section="Trust"),
        Field("comment", FieldType.TEXT, "Comment", "Why this account is here.", section="Trust"),
    ),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("name", "Name", _c.name, width=12),
        Column("type", "Type", _c.type, width=7),
        Column("host", "Host", _c.host, width=11),
        Column("port", "Port", _c.port, ColumnType.NUMBER),
        Column("username", "User", _c.username),
        Column("address", "Address", _c.address),
        Column("queue", "Queue", case((_c.dispatching == "to", literal("by To", AutoString())), else_=name_of(Queue, _c.queue_id)), width=9),
        Column("dispatching", "Dispatching", _c.dispatching),
        Column("validity", "Valid", _c.validity, ColumnType.STATE, width=9),
        Column("status", "Status", _status("status"), ColumnType.STATE, width=10),
        Column("profile", "Profile", name_of(Profile, _c.profile_id)),
        Column("folders", "Folders", _c.folders, ColumnType.WORDS),
        Column("trusted", "Trusted", _c.trusted, ColumnType.YES_NO),
        Column("record_type", "Record type", _c.record_type),
        Column("priority", "Priority", _c.priority, ColumnType.NUMBER, is_filtered=False),
        Column("interval", "Interval", _c.interval, ColumnType.NUMBER, is_filtered=False),
        Column("after_fetch", "After", _c.after_fetch),
        Column("move_to", "Move to", _c.move_to),
        Column("mark_seen", "Mark seen", _c.mark_seen, ColumnType.YES_NO, is_filtered=False),
        Column("start_from", "Start from", _c.start_from, is_filtered=False),
        Column("idle", "IDLE", _c.idle, ColumnType.YES_NO, is_filtered=False),
        Column("max_messages", "Messages a run", _c.max_messages, ColumnType.NUMBER, is_filtered=False),
        Column("max_size", "Largest", _c.max_size, ColumnType.SIZE, is_filtered=False),
        Column("tls_fingerprint", "Fingerprint", _c.tls_fingerprint),
        Column("failures", "Failures", _status("failures"), ColumnType.NUMBER, is_filtered=False),
        Column("last_run_at", "Last run", _last_run_at, ColumnType.TIME, is_filtered=False),
        Column("due_at", "Next", _next, ColumnType.TIME, width=6, is_filtered=False),
        Column("signin", "Sign-in", case((_c.profile_id.is_(None), literal("password", AutoString())), else_=literal("OAuth", AutoString())), width=8),
        Column("last_error", "Last error", cast(_status("last_error"), AutoString())),
        Column("tested_at", "Tested", _status("tested_at"), ColumnType.TIME, is_filtered=False),
        Column("certificate_expires", "Certificate ends", _status("certificate_expires"), ColumnType.TIME, is_filtered=False),
        Column("signed_in_as", "Signed in as", func.coalesce(token_of("account", "signed_in_as", _c.id), "")),
        Column("sign_in_expires", "Sign-in ends", token_of("account", "refresh_expires_at", _c.id), ColumnType.TIME, is_filtered=False),
        Column("comment", "Comment", _c.comment, width=24),
    ),
    actions=(
        Action("fetch", "f", "Fetch", "Fetch now, whatever its due time"),
        Action("test", "t", "Test", "Try the connection, step by step, without taking anything in"),
        Action("sign in", "o", "Sign in", "Sign in with OAuth2, as its profile says"),
        Action("validity", "v", "Validity", "Switch between valid and invalid"),
        Action("pause", "p", "Pause", "Fetch it no longer, or again when it is paused"),
        Action("stop", "s", "Stop", "End its running fetch after the current batch"),
        Action("apply", "a", "Apply rule", "Do to what is stored already as \"after fetching\" says"),
    ),
    conditions=(_c.deleted_at.is_(None),),
)
