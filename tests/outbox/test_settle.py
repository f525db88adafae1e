"""Writing what came of tries: of what is still ours all of it, of the rest nothing."""

from datetime import timedelta

from core import clock
from core.mail.envelope import OutgoingEnvelope
from core.models import OutgoingState, Recipient
from core.outbox.claim import HandingOver, give_back, hand_over
from core.outbox.entry import read_entry
from core.outbox.settle import Ending, RecipientResult, Settlement, TryMade, settle
from tests.accounts import rows_of
from tests.outbound.world import attempts, change, mail, put, recipients, rows, states
from tests.outbox.test_claim import claimed

SENT = RecipientResult(OutgoingState.SENT, 250, "2.0.0", "ok")


def settled(handles, *settlements):
    return handles.database.writing(lambda session: settle(session, settlements, [], clock.utcnow()))


def test_of_a_message_that_was_lost_meanwhile_nothing_is_written(handles):
    put(handles, 2)
    now = clock.utcnow()
    lost, ours = claimed(handles).values()
    handles.database.writing(lambda session: give_back(session, [lost]))
    keys = [one.id for one in rows_of(handles, Recipient, "id")]

    def ended(lease, key):
        notice = read_entry(OutgoingEnvelope(("alice@example.org",), ""), mail(f"notice {lease.key}"))
        made = TryMade(1, None, "main", "relay", "data", "sent", now)
        ending = Ending(OutgoingState.SENT, 1, now)
        return Settlement(lease, [made], {key: SENT}, {"copy@example.org": SENT}, ending, notice)

    assert settled(handles, ended(lost, keys[0]), ended(ours, keys[1])) == {ours.key}

    first, second, notice = rows(handles)
    assert (first.state, first.attempts, first.settled_at) == ("queued", 0, None)
    assert (second.state, second.attempts, notice.subject) == ("sent", 1, f"notice {ours.key}")
    assert [row.outgoing_id for row in attempts(handles)] == [ours.key]
    assert [(row.outgoing_id, row.state) for row in rows_of(handles, Recipient, "id")] == [
        (lost.key, "queued"),
        (ours.key, "sent"),
        (ours.key, "sent"),
        (notice.id, "queued"),
    ]


def test_what_goes_on_by_another_mailbox_is_no_longer_handed_over(handles):
    put(handles)
    [lease] = claimed(handles).values()
    handles.database.writing(lambda session: hand_over(session, [HandingOver(lease, 7)]))
    assert settled(handles, Settlement(lease)) == {lease.key}
    [row] = rows(handles)
    assert (row.state, row.handing_over, row.fence) == ("sending", False, lease.fence)


def test_a_bounce_that_was_faster_than_our_note_stays(handles):
    put(handles, to=("bob@example.net", "eve@example.net"))
    [lease] = claimed(handles).values()
    change(handles, Recipient, state="bounced", text="no such user")
    results = {row.id: SENT for row in recipients(handles).values()}
    settled(handles, Settlement(lease, results=results, ending=Ending(OutgoingState.SENT, 1, clock.utcnow())))
    assert states(handles) == ["sent"]
    assert {row.state for row in recipients(handles).values()} == {"bounced"}
    assert {row.text for row in recipients(handles).values()} == {"no such user"}


def test_only_what_is_over_has_a_time_at_which_it_was(handles):
    put(handles, 3)
    later = clock.utcnow() + timedelta(hours=1)
    over = {"expired": True, "deferred": False, "held": False}
    keys = [row.id for row in rows_of(handles, Recipient, "id")]
    found = [
        Settlement(lease, results={key: RecipientResult(state)}, ending=Ending(state, 1, later))
        for lease, key, state in zip(claimed(handles).values(), keys, map(OutgoingState, over), strict=True)
    ]
    settled(handles, *found)
    assert {row.state: row.settled_at is not None for row in rows(handles)} == over
    assert {row.state: row.settled_at is not None for row in rows_of(handles, Recipient, "id")} == over
