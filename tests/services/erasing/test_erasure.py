"""Erasing one person: nothing of them is found afterwards, nothing of others is gone, and nothing comes again."""

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, select
from sqlmodel import Session, SQLModel

from core.errors import BadInput, InUse, NotFound, NotPermitted
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Alert, Audit, Message, MessageState, Recipient, Record, Run, RunEvent, Suppression, Token
from core.outbound.sending.deliver import deliver_due
from core.outbox import suppression
from core.outbox.enqueue import enqueue
from core.outbox.entry import read_entry
from core.outbox.orders import cancel
from core.resources.catalogue import kind_named
from core.services import messages, reply
from core.services.actor import Actor, Role
from core.services.configuration.queues import queues
from core.services.erasing import erasure
from core.services.lists.search import matching
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, records, rows_of, stored
from tests.outbound.world import QUICK, add_mailbox, mail, put
from tests.outbound.world import rows as outgoing
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import Phase, RuledSink
from tests.services import worlds

JANE = "Jane.Doe@Example.net"


def found(handles: Handles, actor: Actor, address: str = JANE, *, with_text: bool = False) -> erasure.Found:
    return erasure.found(handles, actor, address, with_text=with_text, tell=lambda *_: None)


def erase(handles: Handles, actor: Actor, address: str = JANE, *, with_text: bool = False) -> erasure.Erasure:
    return erasure.erase(handles, actor, found(handles, actor, address, with_text=with_text))


def left(there: erasure.Erasure) -> dict[str, tuple[str, ...]]:
    """What is left, by its kind."""
    return {each.kind: each.names for each in there.left}


@pytest.fixture
def account(handles: Handles, dovecot: DovecotServer) -> str:
    user = dovecot.fresh_user()
    add_account(handles, name="support", **at(dovecot, user))
    dovecot.deliver(
        user,
        [
            message(1, f"From: Jane Doe <{JANE}>", "Subject: My knee, says Jane"),
            message(2, "Subject: Another matter"),
            message(3, f"From: {JANE.lower()}", "Subject: Once more", body="Jane Doe"),
            message(4, f"To: <support@example.com>, {JANE.upper()}", "Subject: For you too"),
            message(5, f"From: not{JANE}", "Subject: A namesake"),
        ],
    )
    assert fetched_well(handles, "support").counts.fetched == 5
    return user


def everything(handles: Handles, *, but: str) -> str:
    """All that the database holds, but one table, as text."""
    told = []
    with handles.database.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name == but:
                continue
            for row in session.connection().execute(select(table)).mappings():
                for name, value in row.items():
                    is_bytes = isinstance(table.c[name].type, LargeBinary) and value is not None
                    told.append(bytes(value).decode("latin-1") if is_bytes else str(value))
    return "\n".join(told).lower()


def test_nothing_of_the_person_is_left_and_nothing_of_others_is_gone(
    handles: Handles, account: str, admin: Actor, smtp_sink: RuledSink
) -> None:
    add_mailbox(handles, "main", smtp_sink, default_sender="support@example.com")
    reply.reply(handles, admin, records(handles)[0].number, "Dear Jane Doe")
    put(handles, to=(JANE, "bob@example.net"), raw=mail("news for Jane"))
    put(handles, to=("bob@example.net",))
    assert deliver_due(handles, timeouts=QUICK).sent == 3
    worlds.put(handles, Suppression(address=JANE.lower(), bounces=1, first_at=worlds.NOW, last_at=worlds.NOW))
    assert JANE.lower() in everything(handles, but="audit")

    there = found(handles, admin).counted
    assert (there.messages, there.records, there.outgoing, there.suppressions, there.waiting) == (3, 2, 2, 1, 0)
    assert erase(handles, admin, f" {JANE.upper()} ") == there

    rest = everything(handles, but="audit").replace(f"not{JANE.lower()}", "")
    assert JANE.lower() not in rest
    # As a word, or part of one: in the middle of what is sealed, and of keys, any four letters may stand.
    assert not re.search(r"\bjane|jane\b", rest)
    again = found(handles, admin).counted
    assert (again.removes_nothing, list(left(again))) == (True, ["audit"]), "the line of the answer to her"
    # What others wrote is whole, and so is what was sent to them alone.
    assert [row.raw is not None for row in stored(handles)] == [False, True, False, False, True]
    assert {row.title for row in records(handles)} == {"(erased)", "Another matter", "For you too", "A namesake"}
    assert len({row.number for row in records(handles)}) == 5
    assert [row.subject for row in outgoing(handles)] == ["0"]


def test_the_audit_log_tells_that_it_was_done_and_of_whom_only_who_knows(
    handles: Handles, account: str, admin: Actor
) -> None:
    erase(handles, admin)

    (line,) = [row for row in rows_of(handles, Audit, "id") if row.verb == "erase"]
    assert (line.actor, line.kind, line.name) == (str(admin), "person", erasure.digest(JANE))
    assert line.after["messages"] == 3
    assert "jane" not in f"{line.name}{line.after}"


def test_what_was_erased_is_not_fetched_anew(handles: Handles, account: str, admin: Actor) -> None:
    erase(handles, admin)

    assert fetched_well(handles, "support").counts.fetched == 0
    with pytest.raises(NotFound, match="erased at a person's request"):
        messages.raw(handles, admin, stored(handles)[0].id)


@ON_SQLITE
def test_what_is_still_to_be_sent_is_left_and_told(handles: Handles, admin: Actor, smtp_sink: RuledSink) -> None:
    put(handles, to=(JANE,))
    worlds.put(handles, Suppression(address=JANE.lower(), bounces=2, first_at=worlds.NOW, last_at=worlds.NOW))

    done = erase(handles, admin)
    assert (done.waiting, done.outgoing, done.suppressions) == (1, 0, 0)
    assert len(outgoing(handles)) == 1
    cancel(handles, None)
    assert erase(handles, admin).outgoing == 1
    assert outgoing(handles) == []


@ON_SQLITE
def test_what_waits_keeps_its_reason_so_that_it_goes_on_when_she_may_be_written_to(
    handles: Handles, admin: Actor, smtp_sink: RuledSink
) -> None:
    add_mailbox(handles, "main", smtp_sink)
    put(handles, to=(JANE,))
    until = worlds.NOW + timedelta(days=9999)
    worlds.put(
        handles,
        Suppression(address=JANE.lower(), bounces=2, first_at=worlds.NOW, last_at=worlds.NOW, held_until=until),
    )
    assert deliver_due(handles, timeouts=QUICK).held == 1

    assert erase(handles, admin).waiting == 1

    handles.database.writing(lambda session: suppression.release(session, [JANE], str(admin)))
    assert deliver_due(handles, timeouts=QUICK).sent == 1


@ON_SQLITE
@pytest.mark.parametrize("state", [MessageState.QUARANTINED, MessageState.TOO_LARGE])
def test_what_waits_in_quarantine_or_on_its_server_is_over(handles: Handles, admin: Actor, state: MessageState) -> None:
    row: dict[str, Any] = {"from_address": JANE.lower(), "header_from": JANE, "header_to": "", "subject": "x"}
    worlds.put(handles, Message(id=1, account_id=1, uid=7, state=state, received_at=worlds.NOW, **row))

    assert erase(handles, admin).messages == 1

    (row_left,) = rows_of(handles, Message, "id")
    assert (row_left.state, row_left.uid, row_left.subject, row_left.from_address) == ("ignored", 7, "", "")
    assert (row_left.acknowledged_at is not None) == (state is MessageState.TOO_LARGE)


@ON_SQLITE
def test_the_customer_of_a_record_is_erased_whoever_wrote(handles: Handles, admin: Actor) -> None:
    told = {"title": "Complaint", "fields": {"complainant": "Jane Doe"}}
    for key, customer in enumerate((f"Jane <{JANE}>", f"x{JANE}"), start=1):
        one = Record(id=key, number=str(key), customer=customer, created_at=worlds.NOW, updated_at=worlds.NOW, **told)
        worlds.put(handles, one)

    assert erase(handles, admin).records == 1
    first, second = records(handles)
    assert (first.title, first.customer, first.fields) == ("(erased)", "", {})
    assert (second.title, second.fields) == ("Complaint", {"complainant": "Jane Doe"})


@ON_SQLITE
def test_our_own_addresses_and_what_is_none_are_refused(handles: Handles, admin: Actor) -> None:
    worlds.add(handles, admin, "address", "support@example.org")
    with pytest.raises(InUse, match="one of our own"):
        erase(handles, admin, "Support@example.org")
    with pytest.raises(BadInput, match="address"):
        found(handles, admin, "jane")
    for role in (Role.OPERATOR, Role.VIEWER):
        with pytest.raises(NotPermitted):
            found(handles, Actor("otto", "here", role))
    assert matching(handles, admin, kind_named("audit"), "verb:erase").rows == []


@ON_SQLITE
def test_the_bytes_are_gone_from_the_file_too(handles: Handles, account: str, admin: Actor) -> None:
    erase(handles, admin)
    handles.close()  # what stands in the log goes into the file

    content = b"".join(path.read_bytes() for path in handles.environment.home.glob("postroom.db*"))
    assert b"A namesake" in content
    assert b"My knee, says Jane" not in content


FIELDS = ["Cc", "Bcc", "Reply-To", "Sender", "Resent-From", "Resent-To", "Resent-Cc", "Delivered-To", "X-Original-To"]
BASE64 = f"""Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{b64encode(f"Ask {JANE} of it.".encode()).decode()}
"""


@ON_SQLITE
def test_whoever_stands_in_any_field_of_the_header_is_found_and_in_the_text_of_others_is_told(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    add_account(handles, name="support", **at(dovecot, user))
    texts = [f"Ask {JANE}, please.", "Ask Jane.Doe@Exam=\r\nple.net, please.", f"<mailto:{JANE}>", f"Not mary-{JANE}."]
    mails = [message(n, f"{field}: Jane Doe <{JANE}>") for n, field in enumerate(FIELDS)]
    mails.append(message(20, f"Return-Path: <news+{JANE.replace('@', '=')}@lists.example>"))
    mails += [message(30 + n, body=text) for n, text in enumerate(texts)]
    mails.append(message(40).partition(b"\r\n\r\n")[0] + b"\r\n" + BASE64.replace("\n", "\r\n").encode())
    report = message(50, "Content-Type: multipart/report; boundary=b", body=f"Final-Recipient: rfc822; {JANE}")
    dovecot.deliver(user, [*mails, report])
    fetched_well(handles, "support")
    in_header, in_text = len(FIELDS) + 1, len(texts)  # one of them names somebody else, and one is in base64

    there = found(handles, admin).counted
    assert (there.messages, there.written) == (in_header + 1, 0)
    assert len(left(there)["message"]) == in_text
    assert "--text" in there.left[0].why
    erase(handles, admin)
    assert left(found(handles, admin).counted)["message"] == left(there)["message"]

    assert erase(handles, admin, with_text=True).messages == in_text
    assert found(handles, admin, with_text=True).counted.is_empty
    [row] = [row for row in stored(handles) if row.raw is not None]
    assert b"mary-" in row.raw


@ON_SQLITE
def test_mail_that_was_sent_is_found_by_its_header_and_by_recipients_in_no_header(
    handles: Handles, admin: Actor, smtp_sink: RuledSink
) -> None:
    add_mailbox(handles, "main", smtp_sink, default_sender="desk@example.org", bcc=[JANE])
    put(handles)
    put(handles, raw=b"Cc: " + JANE.encode() + b"\r\n" + mail("in Cc"))
    put(handles, raw=mail("in its text") + JANE.encode() + b"\r\n")
    deliver_due(handles, timeouts=QUICK)
    assert {row.address for row in rows_of(handles, Recipient, "id")} == {"bob@example.net", JANE}

    done = erase(handles, admin)

    assert done.outgoing == 3, "the copies are hers, whatever the header says"
    assert outgoing(handles) == []
    assert left(done) == {"mailbox": ("main (bcc)",)}


@ON_SQLITE
def test_a_notice_that_mail_to_her_failed_is_hers_and_mail_of_the_services_user_is_not(
    handles: Handles, admin: Actor, smtp_sink: RuledSink
) -> None:
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user", matching=JANE)
    put(handles, to=(JANE,), notify=True)
    of_others = mail("in its text") + JANE.encode() + b"\r\n"
    enqueue(handles, read_entry(OutgoingEnvelope(("bob@example.net",)), of_others, submitted_by="postroom"))
    deliver_due(handles, timeouts=QUICK)
    assert [row.subject for row in outgoing(handles)] == ["0", "in its text", "Not delivered: 0"]

    done = erase(handles, admin)

    assert done.outgoing == 2
    assert [row.subject for row in outgoing(handles)] == ["in its text"]
    assert len(left(done)["outbox"]) == 1


def test_what_is_said_of_her_in_passing_goes_and_nothing_else_of_it(handles: Handles, admin: Actor) -> None:
    at_noon = {"created_at": worlds.NOW, "updated_at": worlds.NOW}
    worlds.put(handles, Record(id=1, number="1", title="Hers", fields={"to": f"<{JANE}>", "place": "Rome"}, **at_noon))
    worlds.put(handles, Run(id=1, account_id=1, account="a", started_at=worlds.NOW))
    for seq, text in enumerate((f"{JANE} sent too much", f"x.{JANE} is a namesake"), start=1):
        worlds.put(handles, RunEvent(run_id=1, seq=seq, at=worlds.NOW, text=text))
    worlds.put(handles, Alert(subject="x", text=f"For {JANE}.", opened_at=worlds.NOW))

    done = erase(handles, admin)

    assert (done.records, done.record_fields, done.remarks) == (0, 1, 2)
    [record] = records(handles)
    assert (record.title, record.fields) == ("Hers", {"to": "(erased)", "place": "Rome"})
    assert [row.text for row in rows_of(handles, RunEvent, "seq")] == ["(erased)", f"x.{JANE} is a namesake"]
    assert [row.text for row in rows_of(handles, Alert, "id")] == ["(erased)"]


@ON_SQLITE
def test_the_audit_log_and_the_configuration_are_left_and_told(handles: Handles, admin: Actor) -> None:
    worlds.add(handles, admin, "queue", "Support", comment=f"ask {JANE}")

    there = erase(handles, admin)

    assert there.removes_nothing
    assert left(there)["queue"] == ("Support (comment)",)
    assert len(left(there)["audit"]) == 1


@ON_SQLITE
def test_of_what_is_left_only_her_own_address_is_told_and_who_signed_in(handles: Handles, admin: Actor) -> None:
    for name, who in (("Hers", JANE), ("Longer", f"Mary{JANE}"), ("Other", JANE.replace(".D", "xD"))):
        worlds.add(handles, admin, "queue", name, comment=f"ask {who}")
    queues.delete(handles, admin, "Hers")
    hers, others = (add_account(handles, name=name) for name in ("hers", "others"))
    worlds.put(
        handles,
        Token(kind="account", owner_id=hers, signed_in_as=JANE.lower()),
        Token(kind="account", owner_id=others, signed_in_as=f"mary{JANE}"),
    )

    told = left(found(handles, admin))

    assert told["queue"] == ("Hers (comment, deleted)",)
    assert told["sign-in"] == (f"account {hers}",)
    verbs = [(line.verb, line.name) for line in rows_of(handles, Audit, "id") if str(line.id) in told["audit"]]
    assert set(verbs) == {("add", "Hers"), ("delete", "Hers")}


@ON_SQLITE
def test_what_is_cut_off_goes_on_when_it_is_repeated(
    handles: Handles, account: str, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(session: Session, ids: Sequence[int], now: datetime) -> None:
        erase_messages(session, ids[:1], now)
        raise KeyboardInterrupt

    erase_messages = erasure.inbound.erase_messages
    monkeypatch.setattr(erasure.inbound, "AT_ONCE", 1)
    monkeypatch.setattr(erasure.inbound, "erase_messages", cut_off)
    with pytest.raises(KeyboardInterrupt):
        erase(handles, admin)
    assert {row.title for row in records(handles)} >= {"(erased)"}
    monkeypatch.setattr(erasure.inbound, "erase_messages", erase_messages)

    assert erase(handles, admin).messages == 3
    assert found(handles, admin).counted.is_empty
    assert [row.raw is not None for row in stored(handles)] == [False, True, False, False, True]
