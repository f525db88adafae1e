"""The credential clock: told at 30, 7 and 1 days, once each, and over when it is renewed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from core import clock
from core.alerts import open_alerts
from core.credentials import PREFIX, Credential, credentials_of, days_told, step_of, tell_endings, wanted_alerts
from core.db.bulk import table_of
from core.handles import Handles
from core.models import AccountStatus, Alert, Token
from core.outbound.sending.deliver import deliver_due
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.profiles import profiles
from core.services.doctor.examination import Level, examine
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, status_of
from tests.outbound import world
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.services.worlds import add, put
from tui.demo.sink_session import Security

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECRET = {"provider": "office365", "method": "client_secret", "client_id": "id", "tenant_id": "t", "client_secret": "v"}


@pytest.mark.parametrize(
    ("left", "step"),
    [(31 * DAY, None), (30 * DAY, 30), (8 * DAY, 30), (7 * DAY, 7), (2 * DAY, 7), (DAY, 1), (-DAY, 1)],
)
def test_a_step_has_come_once_that_many_days_are_left(left: timedelta, step: int | None) -> None:
    assert step_of(NOW + left, NOW) == step


def test_each_step_opens_one_alert_and_those_before_stay_until_it_is_renewed() -> None:
    def steps(ends: datetime, is_open: list[str]) -> list[str]:
        one = Credential("profile", "o365", "client secret", ends)
        subjects = [f"{one.subject}{number}" for number in is_open]
        return sorted(subject.rpartition(":")[2] for subject in wanted_alerts([one], subjects, NOW))

    assert steps(NOW + 20 * DAY, []) == ["30"]
    assert steps(NOW + 6 * DAY, ["30"]) == ["30", "7"]
    assert steps(NOW + 6 * DAY, []) == ["7"]
    assert steps(NOW - DAY, ["30", "7"]) == ["1", "30", "7"]
    assert steps(NOW + 300 * DAY, ["30", "7", "1"]) == []


def test_the_nearest_ends_are_told_first() -> None:
    found = [Credential("account", f"a{day}", "server certificate", NOW + day * DAY) for day in range(-1, 7)]
    shown = days_told(found, NOW)
    assert shown.startswith("server certificate of account a-1: ended, server certificate of account a0: 0 days left")
    assert "a1: 1 day left" in shown
    assert shown.endswith("and 3 more")


@ON_SQLITE
def test_all_that_ends_is_known_told_and_closed_when_it_is_renewed(handles: Handles, admin: Actor) -> None:
    now = clock.utcnow()
    profile_id = profiles.add(handles, admin, "o365", {**SECRET, "secret_expires": f"{now + 20 * DAY:%Y-%m-%d}"}).id
    # What a method does not look at ends for nobody.
    given = {**SECRET, "method": "device_code", "secret_expires": f"{now:%Y-%m-%d}"}
    profiles.add(handles, admin, "unused", given)
    account_id = add(handles, admin, "account", "support", profile="o365")
    add(handles, admin, "account", "off", profile="o365", validity="invalid")
    put(handles, Token(kind="account", owner_id=account_id, profile_id=profile_id, refresh_expires_at=now + 5 * DAY))
    _certificate(handles, now + 90 * DAY)

    with handles.database.reading() as session:
        found = [(one.kind, one.name, one.what, one.days_left(now)) for one in credentials_of(session)]
    assert found == [
        ("account", "support", "refresh token", 5), ("profile", "o365", "client secret", 19),
        ("account", "support", "server certificate", 90),
    ]  # fmt: skip

    tell_endings(handles)
    tell_endings(handles)
    assert set(_alerts(handles)) == {
        f"{PREFIX}profile:o365:client secret:30", f"{PREFIX}account:support:refresh token:7"
    }  # fmt: skip
    assert (
        "Sign in again: postroom oauth login account support"
        in _alerts(handles)[f"{PREFIX}account:support:refresh token:7"]
    )
    with handles.database.reading() as session:
        assert len(session.connection().execute(select(table_of(Alert).c.id)).all()) == 2

    profiles.change(handles, admin, "o365", {"secret_expires": f"{now + 400 * DAY:%Y-%m-%d}"})
    accounts.change(handles, admin, "support", {"profile": ""})
    tell_endings(handles)
    assert _alerts(handles) == {}


@ON_SQLITE
def test_the_doctor_counts_the_days(handles: Handles, admin: Actor) -> None:
    tomorrow = clock.utcnow() + timedelta(hours=30)
    add(handles, admin, "account", "support")
    assert _finding(handles) == (Level.OK, "none whose end is known")
    _certificate(handles, tomorrow)
    assert _finding(handles) == (
        Level.WARNING, "server certificate of account support: 1 day left. See: postroom list alert"
    )  # fmt: skip
    _certificate(handles, clock.utcnow() - DAY)
    assert _finding(handles)[0] is Level.ERROR


@ON_SQLITE
def test_a_fetch_notes_when_the_servers_certificate_ends(handles: Handles, dovecot: DovecotServer) -> None:
    account_id = add_account(handles, **at(dovecot, dovecot.fresh_user(), "IMAPS"))
    fetched_well(handles)
    assert status_of(handles, account_id).certificate_expires > clock.utcnow()


@ON_SQLITE
def test_a_mailbox_notes_when_its_relays_certificate_ends(handles: Handles, certificates: Certificates) -> None:
    with RuledSink(Security.STARTTLS, certificates.good) as sink:
        tls = {"t_smtp_security": "starttls", "t_tls_ca": str(certificates.good.authority)}
        mailbox = world.add_mailbox(handles, "out", sink, **tls)
        world.put(handles, 1)
        assert deliver_due(handles, timeouts=world.QUICK).sent == 1
    assert world.mailbox_status(handles, mailbox).certificate_expires > clock.utcnow()


def _certificate(handles: Handles, ends: datetime) -> None:
    def work(session: Session) -> None:
        status: Any = session.get(AccountStatus, 1)
        status.certificate_expires = ends
        session.add(status)

    handles.database.writing(work)


def _alerts(handles: Handles) -> dict[str, str]:
    with handles.database.reading() as session:
        return open_alerts(session, PREFIX)


def _finding(handles: Handles) -> tuple[Level, str]:
    found = {one.check: one for one in examine(handles.environment, lambda: handles)}["credentials"]
    return found.level, found.text
