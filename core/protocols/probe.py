"""Testing a connection step by step, each with its time; a failed step ends it and says what to change."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum

from core.clock import elapsed_ms, monotonic
from core.errors import PostroomError, SmtpRefused, WireError
from core.protocols.causes import advice, cause_of
from core.protocols.findings import Asked, Found
from core.protocols.opening import Milestone
from core.protocols.server import Login, Server, Timeouts
from core.protocols.sessions import opening_imap, opening_pop3
from core.protocols.smtp.connection import opening_smtp
from core.protocols.smtp.reply import Reply
from core.protocols.smtp.submission import Phase
from core.protocols.survey import contents_line, survey_imap, survey_pop3
from core.protocols.transcript import Transcript


class Incoming(StrEnum):
    """The protocols that mail is read with."""

    IMAP = "imap"
    """RFC 3501."""
    POP3 = "pop3"
    """RFC 1939."""


@dataclass(frozen=True)
class Step:
    """One step of a test."""

    step: str
    """resolve, connect, tls, greeting, ehlo, login, folder, count, mail_from, rcpt_to or data"""
    ok: bool
    """Whether it went well; no step follows one that did not."""
    ms: float
    """How long it took."""
    detail: str
    """What came of it, or what to change."""
    cause: str = ""
    """Which of the known causes it failed for, as `docs/test-connection.md` lists them; empty: none of these."""
    found: Found = None
    """What was learned by it, for a program."""
    failure: PostroomError | None = None
    """What it failed with."""


def probe_incoming(
    server: Server,
    login: Login,
    kind: Incoming,
    folder: str = "INBOX",
    *,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    """Connect, log in, open the folder, count. Nothing is changed on the server."""
    if kind is Incoming.IMAP:
        return _timed(_imap(server, login, folder, asked, timeouts=timeouts, transcript=transcript))
    return _timed(_pop3(server, login, asked, timeouts=timeouts, transcript=transcript))


def probe_smtp(
    server: Server,
    login: Login | None,
    ehlo_name: str,
    sender: str,
    recipient: str,
    *,
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    """Connect, log in, and go as far as the server's leave to send; then away, with nothing sent.

    Without a sender the test ends, well, once it is logged in.
    """
    return _timed(_smtp(server, login, ehlo_name, (sender, recipient), timeouts=timeouts, transcript=transcript))


def _imap(
    server: Server,
    login: Login,
    folder: str,
    asked: Asked,
    *,
    timeouts: Timeouts | None,
    transcript: Transcript | None,
) -> Generator[Milestone, None, None]:
    source = yield from opening_imap(server, login, timeouts, None, transcript)
    try:
        selected = source.select(folder, writable=False)
        yield Milestone("folder", f"{folder}; deleting moves to Trash (Gmail)" if source.deletes_into_trash else folder)
        contents = survey_imap(source, selected, asked)
        yield Milestone("count", contents_line(contents), contents)
        source.close()
    finally:
        source.drop()


def _pop3(
    server: Server, login: Login, asked: Asked, *, timeouts: Timeouts | None, transcript: Transcript | None
) -> Generator[Milestone, None, None]:
    source = yield from opening_pop3(server, login, timeouts, None, transcript)
    try:
        selected = source.select(writable=False)
        yield Milestone("folder", "the mailbox is open")
        contents = survey_pop3(source, selected, asked)
        yield Milestone("count", contents_line(contents), contents)
        source.close()
    finally:
        source.drop()


def _smtp(
    server: Server,
    login: Login | None,
    ehlo_name: str,
    envelope: tuple[str, str],
    *,
    timeouts: Timeouts | None,
    transcript: Transcript | None,
) -> Generator[Milestone, None, None]:
    connection = yield from opening_smtp(server, login, ehlo_name, timeouts, transcript)
    if not all(envelope):
        connection.quit()
        yield Milestone(Phase.MAIL, "not tried: without a default sender nobody knows whom this mailbox sends as")
        return
    try:
        for phase, reply in connection.check_envelope(*envelope):
            if not (reply.asks_for_more if phase is Phase.DATA else reply.is_positive):
                raise _refused(reply, phase, server)
            yield Milestone(phase, str(reply))
    finally:
        # After 354 a QUIT would be a line of the message: only hanging up ends it with nothing sent.
        connection.drop()


def _timed(milestones: Generator[Milestone, None, None]) -> Iterator[Step]:
    started = monotonic()
    try:
        for milestone in milestones:
            yield Step(milestone.step, True, elapsed_ms(started), milestone.detail, found=milestone.found)
            started = monotonic()
    except PostroomError as error:
        cause = cause_of(error)
        yield Step(_step_of(error), False, elapsed_ms(started), advice(error), cause.name if cause else "", None, error)


def _step_of(error: PostroomError) -> str:
    phase = error.phase if isinstance(error, WireError) else ""
    match phase:
        case "" | "capability":
            return "login"
        case "search" | "sizes" | "list":
            return "count"
        case _:
            return phase


def _refused(reply: Reply, phase: Phase, server: Server) -> SmtpRefused:
    return SmtpRefused(
        f"The server refused {_SAID[phase]}: {reply}.",
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text,
        host=server.place,
        phase=phase,
    )


_SAID = {
    Phase.MAIL: "the sender",
    Phase.RCPT: "the recipient",
    Phase.DATA: "to take a message",
    Phase.DOT: "the message",
}
