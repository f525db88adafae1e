"""Postroom for other programs: put mail into the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

if TYPE_CHECKING:
    from email.message import Message

    from core.environment import Environment
    from core.handles import Handles
    from core.outbox.entry import Entry

__all__ = ["Lane", "Options", "enqueue", "enqueue_many"]

Lane: TypeAlias = Literal["urgent", "normal", "bulk"]
"""Who overtakes whom."""


class Options(TypedDict, total=False):
    """What can be said of a message; `enqueue` tells what each means."""

    sender: str | None
    recipients: Iterable[str] | str | None
    mailbox: str | None
    lane: Lane | None
    key: str | None
    expires_at: datetime | None
    not_before: datetime | None
    notify: bool


_opened: dict[tuple[int, Environment], Handles] = {}


def enqueue(
    message: bytes | str | EmailMessage,
    *,
    sender: str | None = None,
    recipients: Iterable[str] | str | None = None,
    mailbox: str | None = None,
    lane: Lane | None = "normal",
    key: str | None = None,
    expires_at: datetime | None = None,
    not_before: datetime | None = None,
    notify: bool = False,
) -> str:
    """Put a message into the outbox; when this returns it is durable. Gives back its Message-ID.

    Args:
        message: a whole message with its header, of any size up to 256 MiB; its body may be empty.
        sender: the envelope sender; `""` is the null sender, `None` the sending mailbox's own.
        recipients: the envelope recipients, or one; `None`: those of To, Cc and Bcc. Bcc never leaves.
        mailbox: the name of the mailbox to send by; `None`: whose turn it is.
        lane: urgent, normal or bulk.
        key: what was put in under this key before is not taken again; its Message-ID is given back.
        expires_at: when it is no longer wanted; a time with its zone.
        not_before: when it may leave; a time with its zone.
        notify: whether the sender is told when it has failed.

    Raises:
        core.errors.BadInput: an address, header or value cannot be taken; nothing was.
        core.errors.NotFound: there is no such mailbox; nothing was taken.
        core.errors.StoreError: the database is out of reach or its disk is full; nothing was taken.
        core.errors.NotPermitted: the database is not for this user.
        core.errors.SchemaMismatch: it is of another version.
        TypeError: the message is none.
    """
    return enqueue_many(
        [message],
        sender=sender,
        recipients=recipients,
        mailbox=mailbox,
        lane=lane,
        key=key,
        expires_at=expires_at,
        not_before=not_before,
        notify=notify,
    )[0]


def enqueue_many(
    messages: Iterable[bytes | str | EmailMessage | Mapping[str, Any]], **common: Unpack[Options]
) -> list[str]:
    """Put many messages into the outbox, some hundred in a commit; gives back their Message-IDs in order.

    All are checked before any is taken, so all are in memory together.

    Args:
        messages: each a message, or a mapping with `message` and what `enqueue` takes beside it.
        common: what holds for all that do not say otherwise.

    Raises:
        core.errors.BadInput: one of them cannot be taken; none was.
        core.errors.NotFound: there is no mailbox of a name; none was taken.
        core.errors.StoreError: the database is out of reach or its disk is full. Of more than fit into one commit the
            first may have been taken: those that have keys can be put in again.
        core.errors.NotPermitted: the database is not for this user.
        core.errors.SchemaMismatch: it is of another version.
        TypeError: one of them is no message, or there is no such option.
    """
    from core.outbox.enqueue import enqueue_many as put

    handles = _handles()
    return put(handles, [_entry(handles, _given(message, common)) for message in messages])


def _given(message: bytes | str | EmailMessage | Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    # An EmailMessage is no Mapping, though it looks like one.
    return {**common, **(message if isinstance(message, Mapping) else {"message": message})}


def _entry(handles: Handles, given: dict[str, Any]) -> Entry:
    from core.mail.envelope import OutgoingEnvelope, check_size, recipients_in
    from core.outbox.entry import read_entry

    raw = _bytes_of(given.pop("message", None))
    check_size(raw)
    recipients = given.pop("recipients", None)
    if isinstance(recipients, str):
        recipients = (recipients,)
    envelope = OutgoingEnvelope(
        recipients=recipients_in(raw) if recipients is None else tuple(recipients),
        lane=given.pop("lane", None) or "normal",
        mailbox=given.pop("mailbox", None) or "",
        key=given.pop("key", None) or "",
        notify=given.pop("notify", False),
        **given,
    )
    return read_entry(envelope, raw, host=handles.host, submitted_by=_program())


def _bytes_of(message: object) -> bytes:
    from email.message import Message

    from core.errors import UnsafeMessage

    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    try:
        if isinstance(message, str):
            # What was read with "surrogateescape" was bytes once, and is again.
            return message.encode("utf-8", "surrogateescape")
        if isinstance(message, Message):
            return _flattened(message)
    except (ValueError, LookupError) as error:
        raise UnsafeMessage(f"The message was not taken: it cannot be written as bytes ({error}).") from error
    raise TypeError(f"A message is bytes, text or an EmailMessage, not {type(message).__name__}.")


def _flattened(message: Message[Any, Any]) -> bytes:
    # The Bcc field of an EmailMessage names recipients; it is taken out on the way. Folded any shorter, CPython 3.11
    # loses the spaces between the encoded words of a long subject (gh-92081).
    options: dict[str, Any] = {"max_line_length": 998}
    if _has_address_beyond_ascii(message):
        # Else CPython makes an encoded word of it, which is another address (RFC 2047 §5).
        options["utf8"] = True
    return message.as_bytes(policy=message.policy.clone(**options))


def _has_address_beyond_ascii(message: Message[Any, Any]) -> bool:
    fields = (
        field for name in ("From", "Sender", "Reply-To", "To", "Cc", "Bcc") for field in message.get_all(name, ())
    )
    # Of the older kind of message fields are texts, written as they are.
    return any(not one.addr_spec.isascii() for field in fields for one in getattr(field, "addresses", ()))


def _program() -> str:
    from core.system_users import this_user

    return f"{this_user()} (python)"


def _handles() -> Handles:
    import os

    from core.environment import read_environment
    from core.gateway import open_gateway

    environment = read_environment()
    # A forked child must not use its parent's connections.
    place = (os.getpid(), environment)
    if place not in _opened:
        opened = open_gateway(environment)
        # Of threads that come at the same time one is first; no lock, which a fork could leave locked.
        if _opened.setdefault(place, opened) is not opened:
            opened.close()
    return _opened[place]
