"""`postroom send`, and the name `sendmail`: one message from stdin into the drop folder.

Imports no framework and opens no database: it starts fast, and works while the database does not.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from datetime import datetime

from core.clock import utcnow
from core.environment import Environment, read_environment
from core.errors import StoreError, UnsafeMessage
from core.handin import hand_in
from core.local_names import LocalNames, read_local_names
from core.mail.envelope import OutgoingEnvelope, named_in
from core.mail.strict_address import strict_address
from core.system_users import this_user
from tui.cli.process.endings import complain
from tui.cli.process.standard_streams import discard_output
from tui.cli.sendmail.flags import HELP, asks_for_help, read_flags
from tui.cli.sendmail.submission import from_field, prepared, read_message
from tui.cli.words.moments import read_moment


class NotStored(StoreError):
    """The message could not be stored, so it was not taken."""


def send(words: list[str]) -> int:
    """Take the message on stdin and print its Message-ID."""
    if asks_for_help(words):
        sys.stdout.write(HELP)
        return 0
    flags = read_flags(words)
    environment = _environment(flags)
    names = read_local_names()
    if flags.mode.startswith("s"):
        return _speak_smtp(environment, names)
    sender = None if flags.sender is None else _sender(flags.sender, names)
    now = utcnow()
    not_before = _moment("--at", flags.at, now)
    # "In ten minutes" is said of a letter that leaves next week too: ten minutes after it may.
    expires_at = _moment("--expires", flags.expires, max(now, not_before) if not_before is not None else now)
    raw = read_message(sys.stdin.buffer, ignore_dots=flags.ignore_dots)
    own_from = _from(flags.name, sender, names)
    submission = prepared(raw, flags.recipients, names, from_headers=flags.from_headers, from_field=own_from)
    envelope = OutgoingEnvelope(
        recipients=submission.recipients,
        sender=sender,
        mailbox=flags.mailbox or "",
        lane=flags.lane or "normal",
        key=flags.key or "",
        notify="never" not in flags.notify.lower(),
        not_before=not_before,
        expires_at=expires_at,
    )
    message_id = _handed_in(environment, envelope, submission.raw)
    _tell(f"{json.dumps({'message_id': message_id}) if flags.json else message_id}\n")
    return 0


def _tell(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # The message is taken all the same: whoever heard that it was not would send it again.
        discard_output()
        complain(f"The message was taken; its Message-ID could not be told: {error.strerror}.")


def _environment(flags: Namespace) -> Environment:
    return read_environment(home=flags.home, database_url=flags.database_url, drop=flags.drop, key_file=flags.key_file)


def _speak_smtp(environment: Environment, names: LocalNames) -> int:
    from tui.cli.sendmail.smtp_on_stdin import SmtpOnStdin

    SmtpOnStdin(environment, names, sys.stdin.buffer, sys.stdout.buffer).run()
    return 0


def _handed_in(environment: Environment, envelope: OutgoingEnvelope, raw: bytes) -> str:
    """Take it; whatever keeps us from storing it may pass: 75 makes a mail system try again (sysexits.h)."""
    try:
        return hand_in(environment, envelope, raw)
    except StoreError as error:
        raise NotStored(str(error)) from error


def _sender(given: str, names: LocalNames) -> str:
    """The envelope sender as scripts write it: an address, perhaps with a name; a name of this machine; none."""
    bare = given.strip()
    if bare in ("", "<>"):
        return ""
    found = named_in(bare) if "<" in bare and bare.isprintable() else (bare,)
    try:
        return strict_address(names.address_of(found[0] if len(found) == 1 else bare), allow_utf8=True)
    except ValueError as error:
        raise UnsafeMessage(f"-f: {error}") from error


def _from(name: str, sender: str | None, names: LocalNames) -> str:
    """A From for a message without one; empty where nothing is known of the writer: the mailbox fills in its own."""
    if not name and not sender:
        return ""
    return from_field(name, sender or names.address_of(this_user()))


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    return None if text is None else read_moment(option, text, now)
