"""From a mailbox to a connection that takes its messages."""

from __future__ import annotations

from core.credentials import note_certificate
from core.errors import ConfigurationError, Unreachable
from core.handles import Handles
from core.oauth.login import logged_in
from core.oauth.scopes import Use
from core.outbound.route import Route
from core.outbound.sending.pool import Opened
from core.protocols.server import Login, Server, Timeouts
from core.protocols.smtp.connection import SmtpConnection, open_smtp
from core.vault.owner import Owner


def connect(handles: Handles, route: Route, timeouts: Timeouts) -> Opened:
    """Connect and sign in; the template's fallback is tried when nothing answers at the first place.

    Raises:
        WireError: the relay does not answer, or refuses; or there is no token for now.
        ConfigurationError: the password cannot be had; somebody must sign in.
    """
    if route.has_login and route.has_profile:
        owner = Owner("mailbox", route.mailbox_id)
        return logged_in(handles, owner, Use.SMTP, lambda login: _connected(handles, route, login, timeouts))
    return _connected(handles, route, _login(handles, route), timeouts)


def _connected(handles: Handles, route: Route, login: Login | None, timeouts: Timeouts) -> Opened:
    ehlo_name = route.ehlo_name or handles.host or "localhost"
    *others, last = route.servers
    for server in others:
        try:
            return _opened(handles, route, server, open_smtp(server, login, ehlo_name=ehlo_name, timeouts=timeouts))
        except Unreachable:
            continue
    return _opened(handles, route, last, open_smtp(last, login, ehlo_name=ehlo_name, timeouts=timeouts))


def _opened(handles: Handles, route: Route, server: Server, connection: SmtpConnection) -> Opened:
    tls = connection.facts.tls
    try:
        note_certificate(handles, Owner("mailbox", route.mailbox_id), tls.certificate.expires if tls else None)
    except BaseException:
        connection.drop()
        raise
    return Opened(route, connection, server.place)


def _login(handles: Handles, route: Route) -> Login | None:
    if not route.has_login:
        return None
    with handles.database.reading() as session:
        password = handles.vault.fetch(session, "mailbox", route.mailbox_id, "password")
    if password is None:
        raise ConfigurationError(f"Mailbox {route.name} has no password. Give it one, or switch off its login.")
    return Login(route.username, password)
