"""A probe leaves through a mailbox and arrives in an account, on real servers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import BadInput, NotFound, NotPermitted
from core.handles import Handles
from core.inbound.explain import explain
from core.outbound.probe_mail import probe_mail
from core.outbox.probe_mark import new_mark
from core.protocols.probe import Step
from core.services.actor import Actor, Role
from core.services.configuration.accounts import accounts
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.templates import templates
from core.services.connection_tests import roundtrip
from tests.accounts import fetched_well, records, stored
from tests.servers.dovecot import DovecotServer
from tests.servers.postman import Postman
from tests.servers.smtp import Phase
from tui.demo.ledger import Delivered

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)

ADDRESS = "support@example.org"


@dataclass
class Town:
    """A mailbox `out`, an account `in`, and the relay and server they lead to."""

    handles: Handles
    admin: Actor
    dovecot: DovecotServer
    user: str
    relay: Postman = field(init=False)
    on_arrival: Callable[[Delivered], object] = field(init=False)

    def __post_init__(self) -> None:
        self.on_arrival = lambda mail: self.dovecot.deliver(self.user, [mail.raw])
        self.relay = Postman(lambda mail: self.on_arrival(mail))

    def trip(self, within: float = 20.0) -> list[Step]:
        return list(roundtrip.round_trip(self.handles, self.admin, "out", "in", within=within))

    def account(self, **changes: Any) -> None:
        accounts.change(self.handles, self.admin, "in", changes)


@pytest.fixture
def town(handles: Handles, admin: Actor, dovecot: DovecotServer) -> Iterator[Town]:
    town = Town(handles, admin, dovecot, dovecot.fresh_user())
    with town.relay as relay:
        templates.add(handles, admin, "T", {
            "smtp_host": relay.host, "smtp_port": relay.port, "smtp_security": "none", "smtp_auth": False,
        })  # fmt: skip
        mailboxes.add(handles, admin, "out", {"template": "T", "default_sender": "Post <post@example.org>"})
        accounts.add(handles, admin, "in", {
            "type": "IMAPS", "host": dovecot.host, "port": dovecot.ports.imaps, "username": town.user,
            "password": "secret", "tls_ca": str(dovecot.certificate.authority), "address": ADDRESS,
            "after_fetch": "delete",
        })  # fmt: skip
        yield town


def shape(steps: list[Step]) -> list[tuple[str, bool]]:
    return [(step.step, step.ok) for step in steps]


ALL = [("watch", True), ("connect", True), ("sent", True), ("arrived", True)]


@pytest.mark.parametrize("kind", ["IMAPS", "POP3S"])
def test_a_probe_is_seen_and_removed_where_the_account_deletes_anyway(town: Town, kind: str) -> None:
    town.dovecot.deliver(town.user, [b"Subject: other mail\r\n\r\nx\r\n"])
    town.account(type=kind, port=town.dovecot.ports.imaps if kind == "IMAPS" else town.dovecot.ports.pop3s)

    steps = town.trip()

    assert shape(steps) == [*ALL, ("removed", True)], steps
    (probe,) = town.relay.deliveries
    assert (probe.sender, probe.recipients) == ("post@example.org", (ADDRESS,))
    assert b"Auto-Submitted: auto-generated" in probe.raw
    assert [b"other mail" in mail.raw for mail in town.dovecot.mails(town.user)] == [True]


@pytest.mark.parametrize("kind", ["IMAPS", "POP3S"])
def test_where_the_account_keeps_it_is_left_and_makes_no_record(town: Town, kind: str) -> None:
    port = town.dovecot.ports.imaps if kind == "IMAPS" else town.dovecot.ports.pop3s
    town.account(after_fetch="keep", type=kind, port=port)

    steps = town.trip()

    assert shape(steps) == [*ALL, ("left", True)], steps
    assert len(town.dovecot.mails(town.user)) == 1
    fetched_well(town.handles, "in")
    assert [one.state for one in stored(town.handles)] == ["ignored"]
    assert records(town.handles) == []


def test_a_probe_that_a_worker_fetches_first_has_arrived_too(town: Town) -> None:
    def fetched(mail: Delivered) -> None:
        town.dovecot.deliver(town.user, [mail.raw])
        fetched_well(town.handles, "in")

    town.on_arrival = fetched

    steps = town.trip()

    assert shape(steps) == ALL
    assert "ignored" in steps[-1].detail
    assert town.dovecot.mails(town.user) == []


def test_a_probe_that_is_taken_for_junk_is_found_there(town: Town) -> None:
    town.dovecot.create_folder(town.user, "Junk")
    town.on_arrival = lambda mail: town.dovecot.deliver(town.user, [mail.raw], "Junk")

    steps = town.trip(within=0.3)

    assert shape(steps)[-1] == ("arrived", False)
    assert "It arrived in Junk" in steps[-1].detail


def test_a_probe_that_never_comes_is_waited_for_no_longer_than_asked(town: Town) -> None:
    town.on_arrival = lambda _: None

    steps = town.trip(within=0.3)

    assert shape(steps)[-1] == ("arrived", False)
    assert f"mail for {ADDRESS} ends in this account" in steps[-1].detail


def test_nothing_is_sent_where_the_account_cannot_be_watched(town: Town) -> None:
    town.account(password="wrong")

    steps = town.trip()

    assert (shape(steps), steps[0].cause) == ([("watch", False)], "password")
    assert town.relay.deliveries == []


@pytest.mark.parametrize(
    ("phase", "reply", "cause"),
    [
        (Phase.RCPT, "554 5.7.1 Relay access denied", "relay denied"),
        (Phase.MAIL, "550 5.7.60 SendAsDenied", "sender not allowed"),
        (Phase.DOT, "554 5.7.1 Message refused", "no mail taken"),
    ],
)
def test_a_refusal_of_the_relay_is_told_with_its_cause(town: Town, phase: Phase, reply: str, cause: str) -> None:
    town.relay.rule(phase, reply)
    steps = town.trip()
    assert (shape(steps)[-1], steps[-1].cause) == (("sent", False), cause)
    assert reply[:3] in steps[-1].detail


def test_what_is_missing_is_said_before_anything_is_sent(town: Town) -> None:
    town.account(address="", username="nobody")
    mailboxes.change(
        town.handles, town.admin, "out", {"default_sender": "", "template": "Migrated from previous version"}
    )
    with pytest.raises(BadInput) as refused:
        town.trip()
    assert {problem.field for problem in refused.value.problems} == {"template", "default_sender", "address"}
    with pytest.raises(NotFound):
        list(roundtrip.round_trip(town.handles, town.admin, "out", "nowhere"))
    with pytest.raises(NotPermitted):
        list(roundtrip.round_trip(town.handles, Actor("v", "h", Role.VIEWER), "out", "in"))


def test_only_a_mark_of_our_own_keeps_mail_from_becoming_a_record(town: Town) -> None:
    town.trip()  # makes the secret
    (probe,) = town.relay.deliveries
    assert explain(town.handles, probe.raw).state == "ignored"
    forged = probe_mail("a@example.org", ADDRESS, new_mark(b"another"), host="h", now=probe.at)
    assert explain(town.handles, forged).state == "recorded"
