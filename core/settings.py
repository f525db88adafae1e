"""The settings that an administrator changes while Postroom runs; stored in the database, read per loop."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def read_duration(value: object) -> timedelta:
    """A duration from `"90s"`, `"10m"`, `"2h"`, `"5d"`, `"1h30m"` or a number of seconds.

    Raises:
        ValueError: it is none of these, or negative.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    if re.fullmatch(r"\d{1,12}", text):
        return timedelta(seconds=int(text))
    parts = re.findall(r"(\d{1,9})\s*([smhdw])", text)
    if not parts or re.sub(r"(\d{1,9})\s*([smhdw])\s*", "", text):
        raise ValueError(f"{value!r} is no duration: write it as 90s, 10m, 2h or 5d.")
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


def write_duration(value: timedelta) -> str:
    """The shortest exact form of a duration: `"10m"`, `"5d"`, `"90s"`."""
    seconds = int(value.total_seconds())
    if seconds == 0:
        return "0"
    for unit in "dhm":
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def read_size(value: object) -> int:
    """A number of bytes from `"32MiB"`, `"500 kB"` or a plain number.

    Raises:
        ValueError: it is none of these.
    """
    matched = re.fullmatch(r"(\d{1,15})\s*([a-zA-Z]{0,3})", str(value).strip())
    if matched is None or matched[2].upper() not in _SIZES:
        raise ValueError(f"{value!r} is no size: write it as 500kB, 32MiB or 1GiB.")
    return int(matched[1]) * _SIZES[matched[2].upper()]


def write_size(value: int) -> str:
    """The shortest exact form of a size: `"32MiB"`."""
    for unit in ("GiB", "MiB", "KiB"):
        if value and value % _SIZES[unit.upper()] == 0:
            return f"{value // _SIZES[unit.upper()]}{unit}"
    return str(value)


def read_loopback(value: str) -> str:
    """An address that only this machine reaches: `127.0.0.1`, `::1`, `localhost`.

    Raises:
        ValueError: others could reach it, or it is no address.
    """
    try:
        is_loopback = value == "localhost" or ip_address(value).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"{value!r} is not on loopback: write 127.0.0.1, ::1 or localhost.")
    return value


Duration = Annotated[timedelta, BeforeValidator(read_duration), PlainSerializer(write_duration, return_type=str)]
Size = Annotated[int, BeforeValidator(read_size), PlainSerializer(write_size, return_type=str)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UncertainPolicy(StrEnum):
    """What becomes of a message whose fate at the relay is unknown."""

    RETRY = "retry"
    """Tried again one back-off later, with the same Message-ID: it may arrive twice."""
    HOLD = "hold"
    """Held for a person to decide: it may never arrive."""


class RetrySettings(_Section):
    """How long the outbox goes on trying."""

    first: Duration = timedelta(minutes=1)
    """The wait after the first try that failed. Default: 1m."""
    longest: Duration = timedelta(hours=1)
    """The longest wait between two tries. Default: 1h."""
    lifetime: Duration = timedelta(days=5)
    """After this the message has failed. Default: 5d."""
    uncertain: UncertainPolicy = UncertainPolicy.RETRY
    """A message whose connection was lost after its last byte. Default: retry."""
    notify: bool = True
    """Tell the envelope sender when a message has failed. Default: true."""


class LoopSettings(_Section):
    """The loop guard: what one sender may send to one account."""

    records: int = Field(default=20, ge=0)
    """Records in a window before the rest is quarantined; 0 = no limit. Default: 20."""
    window: Duration = timedelta(hours=2)
    """The window. Default: 2h."""
    allow: list[str] = []
    """Senders that are never limited. Default: none."""


class ListenerSettings(_Section):
    """The SMTP listener, a way into the outbox for programs on this machine."""

    enabled: bool = False
    """Default: false."""
    host: Annotated[str, AfterValidator(read_loopback)] = "127.0.0.1"
    """An address of this machine alone: there is no TLS. Default: 127.0.0.1."""
    port: int = Field(default=2525, ge=1, le=65535)
    """Default: 2525."""
    username: str = ""
    """Empty: no login is asked for. Default: empty."""
    max_size: Size = 50 << 20
    """The largest message taken. Default: 50MiB."""


class MetricsSettings(_Section):
    """Metrics and health for monitoring, over HTTP on this machine."""

    enabled: bool = False
    """Whether a worker answers `/metrics` (Prometheus) and `/healthz`. Default: false."""
    host: Annotated[str, AfterValidator(read_loopback)] = "127.0.0.1"
    """An address of this machine alone: nobody is asked who he is. Default: 127.0.0.1."""
    port: int = Field(default=9925, ge=1, le=65535)
    """Default: 9925."""


class AlertSettings(_Section):
    """Whom to tell when something needs a person."""

    to: list[str] = []
    """E-mail addresses. Default: none."""
    mailbox: str = ""
    """The mailbox alerts leave through; empty: any that works. Default: empty."""
    command: str = ""
    """A command that is given each alert as JSON. Default: none."""
    fetch_silence: Duration = timedelta(hours=1)
    """An account not fetched for this long is an alert. Default: 1h."""


class RetentionSettings(_Section):
    """How long things are kept; 0 = for ever. Workers remove what is over it."""

    raw: Duration = timedelta(days=365)
    """The exact bytes of messages that came in, from when their server was told; 0: for ever. Default: 365d."""
    records: Duration = timedelta(0)
    """Records with their messages, open ones too, from the last change; pending ones stay; 0: for ever. Default: 0."""
    outbox: Duration = timedelta(days=30)
    """Outgoing messages that are over, and bounces that count against an address; 0: for ever. Default: 30d."""
    quarantine: Duration = timedelta(days=90)
    """Messages in quarantine, from the last try or edit; 0: for ever. Default: 90d."""
    runs: Duration = timedelta(days=30)
    """Runs with their events, and deliveries that are over; 0: for ever. Default: 30d."""
    audit: Duration = timedelta(0)
    """The audit log; 0: for ever. Default: 0."""


class RoleSettings(_Section):
    """Who may do what: system users and `@groups`."""

    admins: list[str] = []
    """Super security admins: everything. Default: the one who ran `init`."""
    operators: list[str] = []
    """Operators: runs, retries, releases; no configuration, no secrets. Default: none."""
    viewers: list[str] = []
    """Viewers: look, at all but templates. Default: none."""


class RuntimeSettings(_Section):
    """Everything an administrator may set without a restart."""

    default_queue: str = "Raw"
    """Where a message lands when no address, account, header or filter says otherwise. Default: Raw."""
    fetch_interval: Duration = timedelta(minutes=10)
    """How often an account is fetched unless it says otherwise. Default: 10m."""
    plus_addressing: bool = False
    """Whether `help+anything@` counts as `help@` in dispatching. Default: false."""
    use_x_envelope_to: bool = False
    """Whether X-Envelope-To is read in dispatching. Default: false."""
    system_id: int = Field(default=10, ge=1, le=9999)
    """The number within record numbers that tells systems apart. Default: 10."""
    followup_in_body: bool = False
    """Whether a record number in the body makes a follow-up. Default: false."""
    followup_in_attachments: bool = False
    """Whether a record number in an attachment makes a follow-up. Default: false."""
    states: list[str] = [
        "new",
        "open",
        "pending reminder",
        "pending auto close",
        "closed successful",
        "closed unsuccessful",
    ]
    """The states a record may have; those that start with "closed" are closed."""
    priorities: list[str] = ["1 very low", "2 low", "3 normal", "4 high", "5 very high"]
    """The priorities a record may have."""
    types: list[str] = ["Unclassified", "Incident", "Request", "Problem"]
    """The values of the Type control header."""
    services: list[str] = []
    """The values of the Service control header."""
    slas: list[str] = []
    """The values of the SLA control header."""
    owners: list[str] = []
    """Who may own a record; empty: anyone."""
    dynamic_fields: list[str] = []
    """The dynamic fields that control headers may set."""
    record_labels: list[str] = []
    """Further words before a colon that fill a record type's field: `Grievance.Category=Kategorie`. Default: none."""
    staging_redirect: str = ""
    """One address that receives all outgoing mail instead of its recipients. Default: none."""
    hold_all: bool = False
    """Whether all outgoing mail is held. Default: false."""
    fetch_slots: int = Field(default=32, ge=1, le=1000)
    """Accounts fetched at once by one worker. Default: 32."""
    slots_per_host: int = Field(default=4, ge=1, le=100)
    """Accounts fetched at once from one server. Default: 4."""
    idle_max: int = Field(default=1000, ge=0)
    """Connections that a worker keeps waiting in IDLE, one a folder. Default: 1000."""
    min_free_disk: Size = 500 << 20
    """Fetching stops below this much free disk; sending goes on. Default: 500MiB."""
    retry: RetrySettings = RetrySettings()
    loop: LoopSettings = LoopSettings()
    listener: ListenerSettings = ListenerSettings()
    metrics: MetricsSettings = MetricsSettings()
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()
    roles: RoleSettings = RoleSettings()


def settings_from_rows(rows: dict[str, Any]) -> RuntimeSettings:
    """Settings from stored rows, `retry.first` style names to JSON values; what is not stored has its default."""
    nested: dict[str, Any] = {}
    for name, value in rows.items():
        section, dot, key = name.partition(".")
        if dot:
            nested.setdefault(section, {})[key] = value
        else:
            nested[section] = value
    return RuntimeSettings.model_validate(nested)
