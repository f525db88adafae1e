"""The doctor at the outbox."""

from datetime import timedelta

from core import clock
from core.handles import Handles
from core.models import OutgoingMessage
from core.outbox import orders
from core.outbox.suppression import SUPPRESSED
from core.services.doctor.finding import Finding, Level
from core.services.doctor.waiting_mail import outbox
from tests.outbound.world import change, put


def looked_at(handles: Handles) -> Finding:
    with handles.database.reading() as session:
        return outbox(session, handles.settings(), clock.utcnow())


def test_what_waits_no_longer_than_between_two_tries_is_no_matter(handles: Handles) -> None:
    put(handles)
    change(handles, OutgoingMessage, state="deferred")
    assert (looked_at(handles).level, looked_at(handles).text) == (Level.OK, "1 deferred")


def test_mail_that_is_old_is_told(handles: Handles) -> None:
    put(handles)
    change(handles, OutgoingMessage, state="deferred", created_at=clock.utcnow() - timedelta(hours=2))
    assert looked_at(handles).level is Level.WARNING
    assert looked_at(handles).text.startswith("1 message is deferred, the oldest since ")


def test_what_waits_for_a_person_is_told_with_its_reason(handles: Handles) -> None:
    put(handles, 2)
    change(handles, OutgoingMessage, last_error="There is no mailbox 'nope'.")
    orders.hold(handles)
    found = looked_at(handles)
    assert found.level is Level.WARNING
    assert found.text == "2 held until somebody releases them: There is no mailbox 'nope'. See: postroom list outbox"
    # An address that bounces is known, and held for that.
    change(handles, OutgoingMessage, last_error=f"{SUPPRESSED}bob@example.net bounced for good 2 times")
    assert looked_at(handles).level is Level.OK
