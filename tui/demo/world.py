"""The demo world: a mail server, a relay that delivers nowhere, and a Postroom that is set up for them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from core.clock import utcnow
from core.environment import Environment, read_environment
from core.gateway import open_gateway
from core.services.actor import current_actor
from core.services.configuration.config_text import import_text
from tui.demo.certificates import make_certificate
from tui.demo.configuration import DESK, OFFICE, PASSWORD, SENDERS, Places, configuration
from tui.demo.incoming_server import IncomingServer, start_incoming
from tui.demo.mails import COMPANY, sample_mails
from tui.demo.sink import SmtpSink
from tui.demo.sink_session import Security


class DemoWorld:
    """Servers on loopback and a home of their own in a temporary folder; all of it goes when it is closed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-demo-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        certificate = make_certificate(self.folder / "certificates")
        logins = dict.fromkeys((DESK, OFFICE), PASSWORD)
        try:
            self.incoming: IncomingServer = start_incoming(self._stack, certificate, logins)
            self.relay = self._stack.enter_context(
                SmtpSink(Security.STARTTLS, certificate, dict.fromkeys(SENDERS, PASSWORD), auth_required=True)
            )
            self.environment = self._furnished(certificate.authority)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop the servers and remove all that was made."""
        self._stack.close()

    def deliver(self, mails: list[bytes]) -> int:
        """Put mail into the mailbox each is for; gives back how many."""
        office = [mail for mail in mails if _is_for_office(mail)]
        desk = [mail for mail in mails if not _is_for_office(mail)]
        return self.incoming.deliver(OFFICE, office) + self.incoming.deliver(DESK, desk)

    def deliver_samples(self, now: datetime | None = None) -> int:
        """The first day's mail; gives back how many that were."""
        return self.deliver(sample_mails(now or utcnow()))

    def _furnished(self, authority: Path) -> Environment:
        home = self.folder / "home"
        # Nothing of the caller's own Postroom may leak in: not its database, not its key.
        environment = read_environment({}, home=str(home))
        places = Places(
            host=self.incoming.host,
            desk_port=self.incoming.imaps_port,
            office_type="POP3S" if self.incoming.pop3s_port else "IMAPS",
            office_port=self.incoming.pop3s_port or self.incoming.imaps_port,
            relay_port=self.relay.port,
            authority=authority,
        )
        handles = open_gateway(environment)
        try:
            import_text(handles, current_actor(handles), configuration(places), "demo.toml")
        finally:
            handles.close()
        return environment


def _is_for_office(mail: bytes) -> bool:
    header = mail.partition(b"\r\n\r\n")[0].lower()
    return f"to: office@{COMPANY}".encode() in header
