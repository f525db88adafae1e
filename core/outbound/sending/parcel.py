"""A message dressed as its mailbox sends it, with those it goes to: ready to be handed over."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.errors import UnsafeMessage
from core.outbound.decisions.compose import TOKEN, Composed, Envelope, compose
from core.outbound.return_path import ReturnTokens
from core.outbound.route import Route
from core.outbound.sending.book import Book
from core.outbound.sending.job import Job
from core.outbound.sending.relay import Relay
from core.outbound.sending.script_step import apply_script
from core.protocols.smtp.exchange import Exchange

_log = logging.getLogger("postroom.sender")


@dataclass(eq=False, slots=True)
class Parcel:
    """One message, for one transaction."""

    job: Job
    raw: bytes
    """As it was handed in."""
    composed: Composed
    recipients: tuple[str, ...]
    """Its own; while a staging system is tried, the one who gets all mail."""
    bcc: tuple[str, ...]
    """Those that its mailbox adds."""
    exchange: Exchange | None = None
    """The same, made ready for a connection."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that the relay is told."""
        return (*self.recipients, *self.bcc) if self.bcc else self.recipients


class Packing:
    """Makes parcels for one mailbox and its connection."""

    def __init__(self, book: Book, route: Route, relay: Relay) -> None:
        self._book = book
        self._route = route
        self._relay = relay
        self._tokens = ReturnTokens(book.handles)

    def pack(self, job: Job, raw: bytes) -> Parcel:
        """A message for those of its recipients who are in hand.

        Raises:
            UnsafeMessage: it must not leave as it is.
        """
        composed = job.composed or self.composed(job, raw)
        redirect = self._book.staging_redirect
        if redirect:
            return Parcel(job, raw, composed, (redirect,), ())
        return Parcel(job, raw, composed, composed.envelope.recipients, job.bcc_of(composed.bcc))

    def composed(self, job: Job, raw: bytes) -> Composed:
        """A message for those of its recipients who are in hand, its mailbox's script applied.

        Raises:
            UnsafeMessage: it must not leave as it is.
            ScriptFailed: the script did not do its part.
        """
        try:
            composed = compose(
                raw,
                self._route.identity,
                Envelope(job.due.sender, tuple([one.address for one in job.in_hand])),
                message_id=job.due.message_id,
                dated=job.due.begun_at,
                host_mark=self._book.host_mark,
                replace_from=job.replace_from,
                token=self._tokens.of(job.due.id) if self._needs_token else "",
            )
            return apply_script(composed, job, self._route, self._book)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # A message that our own code stumbles over must not stop all others, pass after pass.
            _log.exception("message %d could not be dressed for sending", job.due.id)
            raise UnsafeMessage(f"The message was not sent: it could not be read ({type(error).__name__}).") from error

    @property
    def _needs_token(self) -> bool:
        """Whether the message's token is said anywhere: reckoning it takes as long as writing its header."""
        return TOKEN in self._route.identity.return_path or self._relay.offers("DSN")
