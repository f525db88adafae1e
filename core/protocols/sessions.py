"""Opening a session that mail is read from: connected, secured, greeted, logged in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

from core.clock import elapsed_ms, monotonic
from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.source import ImapSource
from core.protocols.opening import Milestone, finished, opening
from core.protocols.pop3.dialogue import Pop3Dialogue
from core.protocols.pop3.source import Pop3Source
from core.protocols.server import Caps, Login, Server, Timeouts
from core.protocols.source import SessionFacts
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire


class _Dialogue(Protocol):
    wire: Wire
    greeting: str
    capabilities: frozenset[str]
    signed_in_by: str

    def greet(self) -> str: ...
    def ask_for_tls(self) -> None: ...
    def log_in(self, login: Login) -> None: ...


_Spoken = TypeVar("_Spoken", bound=_Dialogue)
_Opened = TypeVar("_Opened")


def open_imap(
    server: Server,
    login: Login,
    *,
    timeouts: Timeouts | None = None,
    caps: Caps | None = None,
    transcript: Transcript | None = None,
) -> ImapSource:
    """A session ready to select folders."""
    return finished(opening_imap(server, login, timeouts, caps, transcript))


def open_pop3(
    server: Server,
    login: Login,
    *,
    timeouts: Timeouts | None = None,
    caps: Caps | None = None,
    transcript: Transcript | None = None,
) -> Pop3Source:
    """A session with the mailbox locked, ready to list."""
    return finished(opening_pop3(server, login, timeouts, caps, transcript))


def opening_imap(
    server: Server,
    login: Login,
    timeouts: Timeouts | None = None,
    caps: Caps | None = None,
    transcript: Transcript | None = None,
) -> Generator[Milestone, None, ImapSource]:
    """The same as `open_imap`, a step at a time."""
    allowed = timeouts or Timeouts()

    def begin(wire: Wire) -> ImapDialogue:
        return ImapDialogue(wire, allowed, caps or Caps(), transcript)

    return _session(server, login, allowed, transcript, begin=begin, made=ImapSource)


def opening_pop3(
    server: Server,
    login: Login,
    timeouts: Timeouts | None = None,
    caps: Caps | None = None,
    transcript: Transcript | None = None,
) -> Generator[Milestone, None, Pop3Source]:
    """The same as `open_pop3`, a step at a time."""
    allowed = timeouts or Timeouts()

    def begin(wire: Wire) -> Pop3Dialogue:
        return Pop3Dialogue(wire, allowed, caps or Caps(), transcript)

    return _session(server, login, allowed, transcript, begin=begin, made=Pop3Source)


def _session(
    server: Server,
    login: Login,
    timeouts: Timeouts,
    transcript: Transcript | None,
    *,
    begin: Callable[[Wire], _Spoken],
    made: Callable[[_Spoken, SessionFacts], _Opened],
) -> Generator[Milestone, None, _Opened]:
    if transcript is not None:
        transcript.hide(*login.secrets())
    started = monotonic()
    dialogue = yield from opening(server, timeouts, begin)
    wire = dialogue.wire
    with wire.closed_on_failure():
        connect_ms, started = elapsed_ms(started), monotonic()
        dialogue.log_in(login)
        facts = SessionFacts(
            dialogue.greeting, dialogue.capabilities, wire.tls, str(wire.address), connect_ms, elapsed_ms(started)
        )
        yield Milestone("login", f"{login.username} ({dialogue.signed_in_by})")
    return made(dialogue, facts)
