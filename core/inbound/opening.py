"""Opening an account's connection: where, how secured, as whom."""

from __future__ import annotations

from core.credentials import note_certificate
from core.errors import ConfigurationError
from core.handles import Handles
from core.models import Account, AccountType
from core.protocols.opening import tls_line
from core.protocols.server import Login, Server, Timeouts
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.source import Source
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Transcript
from core.runlog import RunLog
from core.secret import Secret


def open_source(handles: Handles, account: Account, log: RunLog, timeouts: Timeouts) -> Source:
    """Connect and log in, as the account says.

    Raises:
        ConfigurationError: there is no password, or it cannot be opened.
        WireError: the server cannot be reached or refuses.
    """
    server, login = server_of(account), login_of(handles, account)
    transcript = Transcript(lambda spoken: log.dialogue(spoken.direction, spoken.text)) if log.debug else None
    source: Source
    if AccountType(account.type).is_imap:
        source = open_imap(server, login, timeouts=timeouts, transcript=transcript)
    else:
        source = open_pop3(server, login, timeouts=timeouts, transcript=transcript)
    shown = tls_line(source.facts.tls) if source.facts.tls else "in clear"
    log.connected(server.place, shown, source.facts.connect_ms)
    expires = source.facts.tls.certificate.expires if source.facts.tls else None
    note_certificate(handles, "account", account.id or 0, expires)
    log.logged_in(account.username, source.facts.login_ms)
    return source


def server_of(account: Account) -> Server:
    """Where the account is fetched from."""
    kind = AccountType(account.type)
    return Server(
        account.host,
        account.port or kind.default_port,
        Security(kind.security),
        TlsTrust(account.tls_ca, account.tls_fingerprint),
    )


def login_of(handles: Handles, account: Account) -> Login:
    """As whom; the password is opened here and goes no further than the connection."""
    kind, owner = ("mailbox", account.mailbox_id) if account.mailbox_id else ("account", account.id)
    with handles.database.reading() as session:
        password: Secret | None = handles.vault.fetch(session, kind, owner or 0, "password")
    if password is None:
        raise ConfigurationError(
            f"Account {account.name} has no password. Set one: postroom set account {account.name} --password-stdin"
        )
    return Login(account.username, password)
