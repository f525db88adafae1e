"""Opening an IMAP session: connected, secured, greeted, logged in."""

from __future__ import annotations

from collections.abc import Generator

from core.clock import elapsed_ms, monotonic
from core.protocols.imap import ImapSource
from core.protocols.imap_dialogue import ImapDialogue
from core.protocols.opening import Milestone, finished, opening
from core.protocols.server import Caps, Login, Server, Timeouts
from core.protocols.source import SessionFacts
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire


def open_imap(
    server: Server,
    login: Login,
    *,
    timeouts: Timeouts | None = None,
    caps: Caps | None = None,
    transcript: Transcript | None = None,
) -> ImapSource:
    """A session ready to select folders."""
    return finished(opening_imap(server, login, timeouts or Timeouts(), caps or Caps(), transcript))


def opening_imap(
    server: Server, login: Login, timeouts: Timeouts, caps: Caps, transcript: Transcript | None
) -> Generator[Milestone, None, ImapSource]:
    """The same, a step at a time."""
    if transcript is not None:
        transcript.hide(*login.secrets())

    def begin(wire: Wire) -> ImapDialogue:
        return ImapDialogue(wire, timeouts, caps, transcript)

    started = monotonic()
    dialogue = yield from opening(server, timeouts, begin)
    connect_ms, started = elapsed_ms(started), monotonic()
    try:
        dialogue.log_in(login)
    except BaseException:
        dialogue.wire.close()
        raise
    wire = dialogue.wire
    facts = SessionFacts(
        dialogue.greeting, dialogue.capabilities, wire.tls, str(wire.address), connect_ms, elapsed_ms(started)
    )
    yield Milestone("login", login.username)
    return ImapSource(dialogue, facts)
