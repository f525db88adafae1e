"""Erasing one person: nothing of them is found afterwards, nothing of others is gone, and nothing comes again."""

from typing import Any

import pytest
from sqlalchemy import LargeBinary, select
from sqlmodel import SQLModel

from core.errors import BadInput, InUse, NotFound, NotPermitted
from core.handles import Handles
from core.models import Audit, Message, MessageState, Record, Suppression
from core.outbound.deliver import deliver_due
from core.outbox.orders import cancel
from core.resources.catalogue import kind_named
from core.services import erasure, messages, reply
from core.services.actor import Actor, Role
from core.services.search import matching
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, records, rows_of, stored
from tests.outbound.world import QUICK, add_mailbox, mail, put
from tests.outbound.world import rows as outgoing
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.services import worlds

JANE = "Jane.Doe@Example.net"


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

    there = erasure.found(handles, admin, JANE)
    assert (there.messages, there.records, there.outgoing, there.suppressions, there.waiting) == (3, 2, 2, 1, 0)
    assert erasure.erase(handles, admin, f" {JANE.upper()} ") == there

    left = everything(handles, but="audit").replace(f"not{JANE.lower()}", "")
    assert JANE.lower() not in left
    assert "jane" not in left.replace("janedoe", "")
    assert erasure.found(handles, admin, JANE).is_empty
    # What others wrote is whole, and so is what was sent to them alone.
    assert [row.raw is not None for row in stored(handles)] == [False, True, False, False, True]
    assert {row.title for row in records(handles)} == {"(erased)", "Another matter", "For you too", "A namesake"}
    assert len({row.number for row in records(handles)}) == 5
    assert [row.subject for row in outgoing(handles)] == ["0"]


def test_the_audit_log_tells_that_it_was_done_and_of_whom_only_who_knows(
    handles: Handles, account: str, admin: Actor
) -> None:
    erasure.erase(handles, admin, JANE)

    (line,) = [row for row in rows_of(handles, Audit, "id") if row.verb == "erase"]
    assert (line.actor, line.kind, line.name) == (str(admin), "person", erasure.digest(JANE))
    assert line.after["messages"] == 3
    assert "jane" not in f"{line.name}{line.after}"


def test_what_was_erased_is_not_fetched_anew(handles: Handles, account: str, admin: Actor) -> None:
    erasure.erase(handles, admin, JANE)

    assert fetched_well(handles, "support").counts.fetched == 0
    with pytest.raises(NotFound, match="erased at a person's request"):
        messages.raw(handles, admin, stored(handles)[0].id)


@ON_SQLITE
def test_what_is_still_to_be_sent_is_left_and_told(handles: Handles, admin: Actor, smtp_sink: RuledSink) -> None:
    put(handles, to=(JANE,))
    worlds.put(handles, Suppression(address=JANE.lower(), bounces=2, first_at=worlds.NOW, last_at=worlds.NOW))

    done = erasure.erase(handles, admin, JANE)
    assert (done.waiting, done.outgoing, done.suppressions) == (1, 0, 0)
    assert len(outgoing(handles)) == 1
    cancel(handles, None)
    assert erasure.erase(handles, admin, JANE).outgoing == 1
    assert outgoing(handles) == []


@ON_SQLITE
@pytest.mark.parametrize("state", [MessageState.QUARANTINED, MessageState.TOO_LARGE])
def test_what_waits_in_quarantine_or_on_its_server_is_over(handles: Handles, admin: Actor, state: MessageState) -> None:
    row: dict[str, Any] = {"from_address": JANE.lower(), "header_from": JANE, "header_to": "", "subject": "x"}
    worlds.put(handles, Message(id=1, account_id=1, uid=7, state=state, received_at=worlds.NOW, **row))

    assert erasure.erase(handles, admin, JANE).messages == 1

    (left,) = rows_of(handles, Message, "id")
    assert (left.state, left.uid, left.subject, left.from_address) == ("ignored", 7, "", "")
    assert (left.acknowledged_at is not None) == (state is MessageState.TOO_LARGE)


@ON_SQLITE
def test_the_customer_of_a_record_is_erased_whoever_wrote(handles: Handles, admin: Actor) -> None:
    told = {"title": "Complaint", "fields": {"complainant": "Jane Doe"}}
    for key, customer in enumerate((f"Jane <{JANE}>", f"x{JANE}"), start=1):
        one = Record(id=key, number=str(key), customer=customer, created_at=worlds.NOW, updated_at=worlds.NOW, **told)
        worlds.put(handles, one)

    assert erasure.erase(handles, admin, JANE).records == 1
    first, second = records(handles)
    assert (first.title, first.customer, first.fields) == ("(erased)", "", {})
    assert (second.title, second.fields) == ("Complaint", {"complainant": "Jane Doe"})


@ON_SQLITE
def test_our_own_addresses_and_what_is_none_are_refused(handles: Handles, admin: Actor) -> None:
    worlds.add(handles, admin, "address", "support@example.org")
    with pytest.raises(InUse, match="one of our own"):
        erasure.erase(handles, admin, "Support@example.org")
    with pytest.raises(BadInput, match="address"):
        erasure.found(handles, admin, "jane")
    for role in (Role.OPERATOR, Role.VIEWER):
        with pytest.raises(NotPermitted):
            erasure.found(handles, Actor("otto", "here", role), JANE)
    assert matching(handles, admin, kind_named("audit"), "verb:erase").rows == []


@ON_SQLITE
def test_the_bytes_are_gone_from_the_file_too(handles: Handles, account: str, admin: Actor) -> None:
    erasure.erase(handles, admin, JANE)
    handles.close()  # what stands in the log goes into the file

    content = b"".join(path.read_bytes() for path in handles.environment.home.glob("postroom.db*"))
    assert b"A namesake" in content
    assert b"My knee, says Jane" not in content
