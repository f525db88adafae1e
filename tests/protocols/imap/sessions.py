"""Sessions with scripted IMAP servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.protocols.imap.source import ImapSource
from core.protocols.server import Caps, Login, Timeouts
from core.protocols.sessions import open_imap
from core.protocols.source import Key
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.protocols.scripted import Answer, Script, ScriptedServer, imap_script

LOGIN = Login("ann", Secret("canary-9f2"))
KEY = Key("INBOX", 7, 42, "")


@contextmanager
def session(
    answers: dict[bytes, Answer], timeouts: Timeouts | None = None, caps: Caps | None = None, **how: bytes
) -> Iterator[ImapSource]:
    with ScriptedServer(imap_script(answers, **how)) as server:
        source = open_imap(server.server(), LOGIN, timeouts=timeouts, caps=caps)
        try:
            source.select("INBOX", writable=True)
            yield source
        finally:
            source.drop()


def opened(
    script: Script,
    security: Security = Security.NONE,
    trust: TlsTrust | None = None,
    timeouts: Timeouts | None = None,
) -> list[bytes]:
    """Try to open a session; gives back all that the server heard, when that fails as it should."""
    with ScriptedServer(script) as server:
        try:
            open_imap(server.server(security, trust), LOGIN, timeouts=timeouts).drop()
        except BaseException as error:
            error.__dict__["heard"] = server.heard
            raise
        return server.heard
