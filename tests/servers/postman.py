"""A relay that delivers: what it takes lies in a Dovecot mailbox before it says so."""

from collections.abc import Callable, Mapping

from tests.servers.smtp import RuledSink
from tui.demo.certificates import ServerCertificate
from tui.demo.ledger import Delivered
from tui.demo.sink import Security


class Postman(RuledSink):
    """A sink that hands each message on."""

    def __init__(
        self,
        hand_on: Callable[[Delivered], object],
        security: Security = Security.NONE,
        certificate: ServerCertificate | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(security, certificate, users)
        self._hand_on = hand_on

    def keep(self, delivered: Delivered) -> None:
        super().keep(delivered)
        self._hand_on(delivered)
