"""Opening an account's connection: where, how secured, as whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.errors import ConfigurationError
from core.handles import Handles
from core.models import Account, AccountType
from core.oauth.login import logged_in
from core.oauth.scopes import Use
from core.protocols.opening import tls_line
from core.protocols.server import Login, Server, Timeouts
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.source import Source
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Transcript
from core.runlog import RunLog
from core.vault.owner import login_owner

Opened = TypeVar("Opened")


def open_source(handles: Handles, account: Account, log: RunLog, timeouts: Timeouts) -> Source:
    """Connect and log in, as the account says.

    Raises:
        ConfigurationError: there is no password, or it cannot be opened; somebody must sign in.
        WireError: the server cannot be reached or refuses.
    """
    server = server_of(account)
    transcript = Transcript(lambda spoken: log.dialogue(spoken.direction, spoken.text)) if log.debug else None

    def open_with(login: Login) -> Source:
        log.step = "connect"
        if AccountType(account.type).is_imap:
            return open_imap(server, login, timeouts=timeouts, transcript=transcript)
        return open_pop3(server, login, timeouts=timeouts, transcript=transcript)

    if account.profile_id is not None:
        log.step = "token"
    source = logged_in_as(handles, account, open_with)
    try:
        _tell_opened(account, server, source, log)
    except BaseException:
        source.drop()
        raise
    return source


def _tell_opened(account: Account, server: Server, source: Source, log: RunLog) -> None:
    shown = tls_line(source.facts.tls) if source.facts.tls else "in clear"
    log.connected(server.place, shown, source.facts.connect_ms)
    log.logged_in(account.username + (" with a token" if account.profile_id else ""), source.facts.login_ms)


def logged_in_as(handles: Handles, account: Account, open_with: Callable[[Login], Opened]) -> Opened:
    """Open a connection with the account's password, or with a token when it has a profile.

    Raises:
        ConfigurationError: there is no password, or it cannot be opened; somebody must sign in.
        WireError: the server cannot be reached or refuses.
    """
    if account.profile_id is None:
        return open_with(login_of(handles, account))
    owner = login_owner(account.id or 0, account.mailbox_id)
    use = Use.IMAP if AccountType(account.type).is_imap else Use.POP
    return logged_in(handles, owner, use, open_with)


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
    """As whom; the password is opened here and goes no further than the connection.

    Raises:
        ConfigurationError: there is no password, or it cannot be opened.
    """
    with handles.database.reading() as session:
        password = handles.vault.fetch(session, *login_owner(account.id or 0, account.mailbox_id), "password")
    if password is None:
        raise ConfigurationError(
            f"Account {account.name} has no password. Set one: postroom set account {account.name} --password-stdin"
        )
    return Login(account.username, password)
