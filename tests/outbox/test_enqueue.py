"""Putting messages into the outbox: one commit, a key once, every problem told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select

import postroom
from core import clock
from core.db.bulk import table_of
from core.errors import BadInput, NotFound, UnsafeMessage
from core.mail.envelope import OutgoingEnvelope
from core.models import OutgoingRaw
from core.outbox.enqueue import enqueue, enqueue_many
from core.outbox.entry import read_entry
from tests.accounts import ON_POSTGRES
from tests.crash.failures import losing_commit
from tests.outbound.world import add_mailbox, mail, recipients, rows


class Nowhere:
    host, port = "127.0.0.1", 9


def entry(number: int = 0, **envelope):
    return read_entry(OutgoingEnvelope(("b@example.net",), **envelope), mail(str(number)))


def test_a_message_is_queued_with_what_lists_show(handles):
    now = clock.utcnow()
    message_id = enqueue(
        handles,
        read_entry(
            OutgoingEnvelope(("b@example.net", "c@example.net"), sender="", lane="urgent", notify=False),
            b'From: "Doe, Jane" <jane@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nx',
            submitted_by="cron",
        ),
    )
    [row] = rows(handles)
    assert (row.message_id, row.state, row.lane, row.lane_rank) == (message_id, "queued", "urgent", 0)
    assert (row.sender, row.has_sender, row.notify, row.submitted_by) == ("", True, False, "cron")
    assert (row.header_from, row.subject) == ("jane@example.org", "Grüße")
    assert abs(row.next_attempt_at - now) < timedelta(seconds=30)
    assert {address: found.state for address, found in recipients(handles).items()} == {
        "b@example.net": "queued",
        "c@example.net": "queued",
    }


def test_without_a_sender_the_mailbox_decides(handles):
    enqueue(handles, entry(sender=None))
    assert (rows(handles)[0].sender, rows(handles)[0].has_sender) == ("", False)


def test_many_get_their_ids_in_order(handles):
    message_ids = enqueue_many(handles, [entry(number) for number in range(1203)])
    assert [row.message_id for row in rows(handles)] == message_ids
    assert [row.subject for row in rows(handles)] == [str(number) for number in range(1203)]


def test_a_key_is_taken_once_and_gives_back_the_first_message_id(handles):
    first = enqueue(handles, entry(1, key="invoice 7"))
    again = enqueue_many(handles, [entry(2, key="invoice 7"), entry(3), entry(4, key="new"), entry(5, key="new")])
    assert again[0] == first
    assert again[2] == again[3]
    assert [row.subject for row in rows(handles)] == ["1", "3", "4"]


def test_a_key_that_another_user_took_first_keeps_no_mail_from_being_sent(handles):
    def by(who):
        envelope = OutgoingEnvelope(("b@example.net",), key="code-4711")
        return read_entry(envelope, mail(who), submitted_by=who, message_id=f"<{who[:3]}@example.org>")

    first = enqueue(handles, by("mallory"))
    own = enqueue(handles, by("www (smtp)"))

    assert enqueue_many(handles, [by("www (python)"), by("mallory (smtp)"), by("www")]) == [own, first, own]
    assert len(set(enqueue_many(handles, [by("carol"), by("dave"), by("carol")]))) == 2
    assert [row.submitted_by for row in rows(handles)] == ["mallory", "www (smtp)", "carol", "dave"]


def test_threads_with_one_key_put_in_one_message(handles):
    found = []
    threads = [threading.Thread(target=lambda: found.append(enqueue(handles, entry(key="the one")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert len(rows(handles)) == 1


@ON_POSTGRES
@pytest.mark.parametrize("nth", [1, 2])
def test_a_commit_that_the_server_says_nothing_of_is_not_done_twice(handles, nth):
    with losing_commit(handles, nth) as countdown:
        message_ids = enqueue_many(handles, [entry(1), entry(2, key="k"), entry(3)])
        message_ids += enqueue_many(handles, [entry(4), entry(5)])

    assert countdown.has_failed
    assert [row.message_id for row in rows(handles)] == message_ids


def test_a_mailbox_that_is_not_there_refuses_all(handles):
    add_mailbox(handles, "main", Nowhere)
    with pytest.raises(NotFound, match="'nope'"):
        enqueue_many(handles, [entry(mailbox="main"), entry(mailbox="nope")])
    assert rows(handles) == []


def test_a_mailbox_that_is_not_there_refuses_all_however_many_they_are(handles):
    with pytest.raises(NotFound, match="'nope'"):
        enqueue_many(handles, [*(entry(number) for number in range(500)), entry(mailbox="nope")])
    assert rows(handles) == []


@pytest.fixture
def loads(handles, monkeypatch):
    """How large the transactions are said to be that put messages in."""
    found = []
    writing = handles.database.writing

    def noting(work, **said):
        found.extend([said["load"]] if "load" in said else ())
        return writing(work, **said)

    monkeypatch.setattr(handles.database, "writing", noting)
    return found


def test_a_commit_holds_no_more_bytes_than_others_can_wait_for(handles, loads):
    large = read_entry(OutgoingEnvelope(("b@example.net",)), mail("large") + b"y" * (9 << 20))

    message_ids = enqueue_many(handles, [entry(1), large, large, entry(2)])

    assert [row.message_id for row in rows(handles)] == message_ids
    assert len(loads) == 2
    assert all(0.5 < load < 1 for load in loads)


def test_one_message_goes_before_batches(handles, loads):
    enqueue(handles, entry())
    assert loads == [0.0]


def test_a_mailbox_is_asked_for_by_name(handles):
    key = add_mailbox(handles, "main", Nowhere)
    enqueue(handles, entry(mailbox="main"))
    assert rows(handles)[0].mailbox_id == key


@pytest.fixture
def public(handles, monkeypatch):
    """The public call, on this test's home."""
    monkeypatch.setattr(postroom, "_handles", lambda: handles)
    return postroom


def test_the_public_call_takes_bytes_text_and_messages(public, handles):
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = "a@example.org", "b@example.net", "hidden@example.net"
    message["Subject"] = "from an object"
    message.set_content("Grüße")
    ids = [public.enqueue(mail("bytes")), public.enqueue(mail("text").decode()), public.enqueue(message)]
    assert [row.message_id for row in rows(handles)] == ids
    assert [row.subject for row in rows(handles)] == ["bytes", "text", "from an object"]
    assert "hidden@example.net" in recipients(handles)


def test_an_address_beyond_ascii_comes_as_it_is_by_every_kind_of_message(public, handles):
    message = EmailMessage()
    message["From"] = "Jörg <jörg@example.org>"
    message["To"] = "jürg@example.net, ann@müller.example"
    message.set_content("schön")

    for each in (message, message.as_bytes(policy=message.policy.clone(utf8=True)), "To: jürg@example.net\n\nx"):
        public.enqueue(each)

    to = [row.address for row in recipients(handles).values()]
    assert to == ["jürg@example.net", "ann@xn--mller-kva.example"]
    assert [row.header_from for row in rows(handles)] == ["jörg@example.org", "jörg@example.org", ""]
    with pytest.raises(BadInput, match="is an encoded word, which no address may hold"):
        public.enqueue(message.as_bytes())


def test_the_public_call_passes_everything_on(public, handles):
    add_mailbox(handles, "main", Nowhere)
    later = datetime.now(UTC) + timedelta(hours=1)
    public.enqueue(
        mail("x"),
        sender="s@example.org",
        recipients=["r@example.net"],
        mailbox="main",
        lane="bulk",
        key="k",
        expires_at=later + timedelta(hours=1),
        not_before=later,
        notify=True,
    )
    [row] = rows(handles)
    assert (row.sender, row.lane, row.key, row.notify) == ("s@example.org", "bulk", "k", True)
    assert (row.next_attempt_at, row.expires_at) == (later, later + timedelta(hours=1))
    assert list(recipients(handles)) == ["r@example.net"]


def test_many_by_the_public_call_share_what_is_common(public, handles):
    ids = public.enqueue_many([mail("1"), {"message": mail("2"), "lane": "urgent"}], lane="bulk")
    assert len(set(ids)) == 2
    assert [row.lane for row in rows(handles)] == ["bulk", "urgent"]
    assert not any(row.notify for row in rows(handles))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"recipients": []}, BadInput),
        ({"recipients": ["b@example.net\r\nDATA"]}, UnsafeMessage),
        ({"message": b"Subject: a\x00\r\n\r\nx", "recipients": ["b@example.net"]}, UnsafeMessage),
        ({"lane": "express"}, BadInput),
        ({"mailbox": "nope"}, NotFound),
        ({"expires_at": datetime(2027, 1, 1)}, BadInput),  # noqa: DTZ001
        ({"expires_at": "10m"}, BadInput),
        ({"expires_at": datetime(2037, 1, 1, tzinfo=UTC), "not_before": datetime(2037, 1, 2, tzinfo=UTC)}, BadInput),
        ({"recipients": ["alice@example.org)bob@example.com"]}, UnsafeMessage),
        ({"sender": "a@example.org\nBcc: x@example.org"}, UnsafeMessage),
        ({"message": b"Subject: a\rBcc: x@example.org\r\n\r\nx", "recipients": ["b@example.net"]}, UnsafeMessage),
        ({"message": b"From: a@example.org\r\n\r\nnobody to send it to"}, BadInput),
        ({"message": "Subject: \ud800\n\nx", "recipients": ["b@example.net"]}, UnsafeMessage),
        ({"message": None}, TypeError),
        ({"message": 7}, TypeError),
        ({"lanes": "bulk"}, TypeError),
    ],
)
def test_the_public_call_refuses_and_takes_nothing(public, handles, given, error):
    with pytest.raises(error):
        public.enqueue_many([mail("good"), {"message": mail("bad"), **given}])
    assert rows(handles) == []


def test_the_public_call_takes_nothing_larger_than_other_ways_do(public, handles, monkeypatch):
    monkeypatch.setattr("core.mail.envelope.LARGEST", len(mail("small")))
    with pytest.raises(BadInput, match="was not taken"):
        public.enqueue_many([mail("small"), mail("larger")])
    assert rows(handles) == []


@pytest.mark.parametrize(
    "message",
    [
        b"From: a@example.org\r\nTo: b@example.net\r\n\r\n",
        b"From: \xff\xfe\r\nTo: b@example.net\r\n\r\n\xff\x00\x01",
        mail("large") + b"y" * (50 << 20),
        bytearray(mail("x")),
        b"To: b@example.net, c@example.net\nSubject: line feeds alone\n\nbody".decode(),
    ],
    ids=["empty body", "garbage", "50 MiB", "bytearray", "text"],
)
def test_what_is_odd_but_a_message_is_taken_as_it_is(public, handles, message):
    public.enqueue(message)
    with handles.database.reading() as session:
        raw = session.connection().scalar(select(table_of(OutgoingRaw).c.data))
    assert raw == (message.encode() if isinstance(message, str) else message)


def test_one_recipient_may_be_given_as_a_text(public, handles):
    public.enqueue(mail("x"), recipients="jörg@example.net", lane=None)
    assert list(recipients(handles)) == ["jörg@example.net"]


def test_threads_that_come_first_together_share_one_database(environment, monkeypatch):
    monkeypatch.setattr("core.environment.read_environment", lambda: environment)
    monkeypatch.setattr(postroom, "_opened", {})
    together = threading.Barrier(4)

    def put(number: int) -> str:
        together.wait()
        return postroom.enqueue(mail(str(number)))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(put, range(4)))) == 4
    [opened] = postroom._opened.values()
    assert len(rows(opened)) == 4
    opened.close()
