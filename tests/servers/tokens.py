"""Real mail servers that let people in by a token: Dovecot asks the provider about it, and so does the sink."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.fakes.token_server import TokenServer
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSession, RuledSink
from tui.demo.certificates import ServerCertificate

_PASSDB = """\
auth_mechanisms = plain login {mechanisms}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {path}
}}
"""


class TokenDovecot(DovecotServer):
    """A Dovecot with its oauth2 passdb, which asks the provider about each token (RFC 7662)."""

    def __init__(
        self, certificate: ServerCertificate, provider: TokenServer, mechanisms: str = "xoauth2 oauthbearer"
    ) -> None:
        super().__init__(certificate, {})
        path = self.folder / "oauth2.conf"
        path.write_text(
            f"introspection_mode = post\nintrospection_url = {provider.address}/introspect\n"
            "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
        )
        self.options = replace(self.options, extra=_PASSDB.format(mechanisms=mechanisms, path=path))


class TokenSession(RuledSession):
    """A connection of the sink that knows XOAUTH2 and OAUTHBEARER."""

    sink: "TokenSink"

    def __init__(self, sink: "TokenSink", number: int) -> None:
        super().__init__(sink, number)
        if sink.mechanism:
            self._auth_methods = {sink.mechanism: self._auth_methods[sink.mechanism]}

    async def auth_XOAUTH2(self, _server: Any, args: list[str]) -> AuthResult:
        return await self._by_token(args, rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01")

    async def auth_OAUTHBEARER(self, _server: Any, args: list[str]) -> AuthResult:
        return await self._by_token(args, rb"n,a=([^,]*),\x01.*auth=Bearer ([^\x01]*)\x01\x01")

    async def _by_token(self, args: list[str], form: bytes) -> AuthResult:
        message = base64.b64decode(args[1]) if len(args) > 1 else await self.challenge_auth("")
        found = re.fullmatch(form, message, re.DOTALL) if isinstance(message, bytes) else None
        if found is not None and self.sink.provider.lets_in(found[1].decode(), found[2].decode()):
            return AuthResult(success=True, auth_data=LoginPassword(found[1], b""))
        # The reason comes as a challenge, which the client has to answer.
        await self.challenge_auth(json.dumps({"status": "401", "schemes": "bearer"}))
        return AuthResult(success=False, handled=False)


class TokenSink(RuledSink):
    """A submission server that wants a token."""

    session_class = TokenSession

    def __init__(self, provider: TokenServer, **options: Any) -> None:
        self.provider = provider
        self.mechanism = ""
        """The only one it offers; empty: all."""
        super().__init__(users={"somebody": "else"}, auth_required=True, **options)
