"""Signing in: one mechanism after the other until the server says yes, or has said no to the password itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Never

from core.errors import NotOffered, Throttled, WireError
from core.protocols.dialogue import Dialogue
from core.protocols.refusals import words
from core.protocols.sasl import choice, found_out
from core.protocols.sasl.found_out import Way
from core.protocols.sasl.mechanism import Mechanism, Unproven, with_token
from core.protocols.sasl.messages import TOKEN_MECHANISMS
from core.protocols.sasl.scram import HASHES
from core.protocols.sasl.text import encoded
from core.protocols.server import Login

_NO_SUCH_WAY = re.compile(
    r"^5(?:04|38)\b|(?:unsupported|unknown|unrecogni[sz]ed|invalid|no) (?:sasl )?(?:auth\w* )?(?:mechanism|method|type)"
    r"|mechanism (?:is )?not (?:supported|available)",
    re.IGNORECASE,
)
"""Offered, and yet not known, as Dovecot offers USER in POP3 where no password is taken; or not without TLS (538)."""


class SigningIn(Dialogue):
    """A dialogue that somebody signs in to; each protocol says how its messages go to and fro."""

    own_command = ""
    """What the protocol's own way to hand over a password is called; empty: it has none."""

    spoken_ways: tuple[str, ...] = choice.SPOKEN
    """All that hand it over, in the order of this protocol."""

    signed_in_by = ""
    """The way that worked."""

    def _sign_in(self, login: Login, offered: Collection[str]) -> None:
        """By what is offered and known, in the order of `sasl.choice`.

        Raises:
            NotOffered: there is nothing of the kind.
            LoginRefused: the server refuses the login.
            ProtocolViolation: it is none that knows the password.
        """
        place, user = self.wire.place, login.username
        found = found_out.worked(place, user)
        tries = sorted(self._tries(login, offered), key=lambda each: each[0] != found)
        if not tries:
            self._refuse_offers(offered)
        refusals: list[WireError] = []
        for at, (way, mechanism) in enumerate(tries):
            try:
                self._try(login, mechanism)
            except WireError as error:
                refusals.append(error)
                following = tries[at + 1][0].name if at + 1 < len(tries) else ""
                if self._is_over(error, mechanism, following):
                    found_out.forget(place, user)
                    self._refuse(refusals, [way.name for way, _ in tries[: at + 1]], offered)
            else:
                self.signed_in_by = way.name
                if at:
                    found_out.note(place, user, way)
                return

    def _sign_in_with_token(self, login: Login, offered: Collection[str]) -> None:
        """By an access token (OAuth 2), which is asked for only where one is taken."""
        assert login.token is not None
        name = next((name for name in TOKEN_MECHANISMS if name in offered), None)
        if name is None:
            instead = f"; it offers {_named(offered)}" if offered else ""
            raise NotOffered(
                f"The server takes no access tokens (OAuth 2){instead}.", host=self.wire.place, phase="login"
            )
        token = login.token()
        self._hide(token)
        host, _, port = self.wire.place.rpartition(":")
        self._by(with_token(name, login.username, token, host, int(port)))
        self.signed_in_by = name

    def _say_own_command(self, login: Login) -> None:
        """Hand over the password in the protocol's own way."""
        raise NotImplementedError

    def _begin_by(self, name: str, first: bytes | None) -> bytes | None:
        """Begin with a mechanism, with its first message if there is one: the server's challenge; `None`: it says yes.

        Raises:
            WireError: it says no.
        """
        raise NotImplementedError

    def _go_on(self, answer: bytes) -> bytes | None:
        """Answer a challenge; gives back the next, as `_begin_by` does."""
        self.wire.send(encoded(answer) + b"\r\n")
        if self._transcript is not None:
            self._transcript.sent_secret("")
        return self._challenge()

    def _challenge(self) -> bytes | None:
        """What the server asks next, decoded; `None`: it took the login."""
        raise NotImplementedError

    @property
    def _takes_first_message(self) -> bool:
        """Whether a mechanism's first message goes with the command that begins it."""
        return False

    def _tries(self, login: Login, offered: Collection[str]) -> Iterator[tuple[Way, Mechanism | None]]:
        """Each way, made ready; `None` is the protocol's own command."""
        is_overheard = choice.is_overheard(self.wire.address.ip, is_encrypted=self.wire.tls is not None)
        for name in choice.ways(offered, self.spoken_ways, is_overheard=is_overheard):
            if name == self.own_command:
                yield Way(name), None
            else:
                for form, mechanism in enumerate(choice.tries(name, login.username, login.password.reveal())):
                    yield Way(name, form), mechanism

    def _try(self, login: Login, mechanism: Mechanism | None) -> None:
        if mechanism is None:
            self._say_own_command(login)
        else:
            self._by(mechanism)

    def _by(self, mechanism: Mechanism) -> None:
        """The dialogue of a mechanism (RFC 4422 §3): challenge and answer, until the server says yes or no."""
        try:
            with self._unheard(mechanism):
                is_first = mechanism.speaks_first and self._takes_first_message
                challenge = self._begin_by(mechanism.name, self._answer(mechanism, b"") if is_first else None)
                while challenge is not None:
                    challenge = self._go_on(self._answer(mechanism, challenge))
        except Unproven as found:
            self.wire.violation(str(found), phase="login")
        if not mechanism.is_settled:
            # Whoever cannot prove it could just say yes.
            self.wire.violation(
                f"The server took the login, but did not prove that it knows the password ({mechanism.name}).",
                phase="login",
            )

    def _answer(self, mechanism: Mechanism, challenge: bytes) -> bytes:
        """What to say to a challenge; servers that know no such command repeat it in their refusal."""
        answer = mechanism.answer(challenge)
        if mechanism.has_shown:
            self._hide(encoded(answer).decode())
        return answer

    def _hide(self, secret: str) -> None:
        """Show it nowhere, should the server repeat it."""
        if not secret or secret in self._secrets:
            return  # a server may send challenges as long as it is heard
        self._secrets += (secret,)
        if self._transcript is not None:
            self._transcript.hide(secret)

    def _unheard(self, mechanism: Mechanism) -> AbstractContextManager[None]:
        """What both sides reckon with in SCRAM is enough to try passwords against, so no transcript holds it."""
        if self._transcript is None or mechanism.name not in HASHES:
            return nullcontext()
        return self._transcript.without_challenges()

    def _is_over(self, error: WireError, mechanism: Mechanism | None, following: str) -> bool:
        """Whether a refusal ends it: it is about the password, the server wants peace, or nothing else is left."""
        if not following or self.wire.broken or isinstance(error, Throttled):
            return True
        if isinstance(error, NotOffered) or _NO_SUCH_WAY.search(error.reply):
            return False
        if not error.is_permanent:
            return True  # what keeps the password may work in a minute: it is not handed over meanwhile
        # A server without anything to compare with says so after CRAM-MD5's answer alone; and another form of a
        # password is still to be tried.
        return mechanism is None or (mechanism.has_shown and mechanism.name not in ("CRAM-MD5", following))

    def _refuse(self, refusals: list[WireError], tried: list[str], offered: Collection[str]) -> Never:
        """Raise what is known best: what may pass, else what was said last."""
        error = next((one for one in refusals if not one.is_permanent), refusals[-1])
        error.ways = f"Tried {', '.join(dict.fromkeys(tried))}; the server offers {_named(offered)}."
        raise error

    def _refuse_offers(self, offered: Collection[str]) -> Never:
        names = _named(offered)
        if not offered:
            text = "The server offers no way to log in."
        elif set(offered) <= set(TOKEN_MECHANISMS):
            text = f"The server takes no passwords, but access tokens (OAuth 2) alone: {names}."
        else:
            text = f"The server offers no way to log in that we know: {names}."
        raise NotOffered(text, host=self.wire.place, phase="login")


def _named(offered: Collection[str]) -> str:
    """The server's words for them, as they may stand in an error."""
    return words(", ".join(sorted(offered)))
