"""Relays with narrow doors, few connections or short ones: what waits leaves all the same, and no mailbox is blamed."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import QUICK, add_mailbox, mailbox_status, put
from tests.servers.smtp import Phase, RuledSession, RuledSink
from tui.demo.ledger import Delivered


class DoormanSession(RuledSession):
    """Sends away who comes beside another, at once; whoever is let in waits for his greeting until that has happened."""

    sink: "DoormanSink"

    async def _handle_client(self) -> None:
        if self.sink.is_taken:
            self.sink.has_refused = True
            # It may have hung up already.
            with suppress(ConnectionError):
                await self._carry_out("421 4.7.0 Too many concurrent SMTP connections; please try again later.")
            return
        self.sink.is_taken = True
        try:
            while not self.sink.has_refused:
                await asyncio.sleep(0.005)
            await super()._handle_client()
        finally:
            self.sink.is_taken = False


class DoormanSink(RuledSink):
    session_class = DoormanSession
    is_taken = False
    has_refused = False


class ShortSession(RuledSession):
    """Takes so few messages over one connection."""

    taken = 0

    async def smtp_MAIL(self, arg: str | None) -> None:
        self.taken += 1
        if self.taken > 10:
            await self._carry_out("421 4.7.0 Too many messages in one connection")
        await super().smtp_MAIL(arg)


class ShortSink(RuledSink):
    session_class = ShortSession


class ForgetfulSession(RuledSession):
    """Loses what comes with a message, as chasquid 1.11 does, though it offers PIPELINING."""

    async def settle(self, delivered: Delivered) -> str:
        self._reader._buffer.clear()
        return await super().settle(delivered)


class ForgetfulSink(RuledSink):
    session_class = ForgetfulSession


def test_a_connection_refused_while_another_is_being_opened_stops_nobody(handles):
    with DoormanSink() as sink:
        main = add_mailbox(handles, "main", sink)
        put(handles, 40)

        assert deliver_due(handles, timeouts=QUICK, couriers=3).sent == 40

        assert sink.has_refused
        assert len(sink.deliveries) == 40
    assert mailbox_status(handles, main).failures == 0


def test_a_connection_that_is_not_opened_again_leaves_its_messages_to_the_others(handles):
    with ShortSink() as sink:
        main = add_mailbox(handles, "main", sink)
        sink.rule(Phase.CONNECT, "421 4.7.0 Too many concurrent SMTP connections", nth=3)
        put(handles, 40)

        assert deliver_due(handles, timeouts=QUICK, couriers=2).sent == 40

        assert sink.hits[Phase.CONNECT] >= 5
    assert mailbox_status(handles, main).failures == 0


def test_a_connection_too_many_that_is_told_at_a_message_stops_nobody(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.DOT, "432 4.3.2 Concurrent connections limit exceeded.", nth=3)
    put(handles, 60)

    summary = deliver_due(handles, timeouts=QUICK, couriers=3)

    # The one message that was refused is not tried twice in a pass.
    assert (summary.sent, summary.deferred) == (59, 1)
    assert mailbox_status(handles, main).failures == 0


def test_where_every_connection_is_refused_the_mailbox_cools_down(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.CONNECT, "421 4.7.0 Too many concurrent SMTP connections")
    put(handles, 40)
    put(handles, lane="urgent")

    assert deliver_due(handles, timeouts=QUICK, couriers=3).deferred == 41

    assert mailbox_status(handles, main).failures == 1


def test_a_relay_that_loses_what_is_sent_ahead_gets_one_message_after_the_other(handles):
    with ForgetfulSink() as sink:
        main = add_mailbox(handles, "main", sink)
        put(handles, 12)

        assert deliver_due(handles, timeouts=replace(QUICK, ahead=0.2), couriers=1).sent == 12

        assert (len(sink.deliveries), sink.connections) == (12, 2)
    assert mailbox_status(handles, main).failures == 0


def test_after_refused_messages_too_a_closing_notice_only_costs_a_new_connection(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 No such user", matching="nobody@")
    smtp_sink.rule(Phase.MAIL, "421 4.7.0 Too many errors", nth=4)
    put(handles, 3, to=("nobody@example.net",))
    put(handles, 2)

    summary = deliver_due(handles, timeouts=QUICK, couriers=1)

    assert (summary.failed, summary.sent, smtp_sink.connections) == (3, 2, 2)
    assert mailbox_status(handles, main).failures == 0
