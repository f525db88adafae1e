import time
from datetime import UTC, datetime, timedelta

import pytest

from core.inbound.control_headers import Controls, canonical_name, has_controls, read_controls, strip
from core.inbound.control_values import AllowedValues, ControlValues, pending_time
from core.mail.headers import Headers, read_header_block

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

FOR_NEW = [
    "Queue",
    "Priority",
    "State",
    "State-PendingTime",
    "Type",
    "Service",
    "SLA",
    "Title",
    "Lock",
    "Owner",
    "OwnerID",
    "Responsible",
    "ResponsibleID",
    "CustomerNo",
    "CustomerUser",
    "SenderType",
    "IsVisibleForCustomer",
    "Ignore",
    "Loop",
    "DynamicField-Room",
]
FOR_FOLLOW_UPS = [
    "Owner",
    "OwnerID",
    "Responsible",
    "ResponsibleID",
    "Priority",
    "Queue",
    "Lock",
    "State",
    "State-PendingTime",
    "State-Keep",
    "Type",
    "Service",
    "SLA",
    "SenderType",
    "IsVisibleForCustomer",
    "Title",
    "DynamicField-Room",
]


@pytest.mark.parametrize("name", FOR_NEW + [f"FollowUp-{name}" for name in FOR_FOLLOW_UPS])
@pytest.mark.parametrize("prefix", ["X-OTOBO-", "X-Postroom-", "x-otobo-", "X-POSTROOM-", ""])
def test_every_control_header_has_one_name(prefix: str, name: str) -> None:
    assert canonical_name(prefix + name) == name
    if "Room" not in name:
        assert canonical_name(prefix + name.lower()) == name


@pytest.mark.parametrize(
    "name",
    [
        "X-OTOBO-Foo",
        "X-OTOBO-",
        "Subject",
        "X-OTOBO-ArticleKey1",
        "X-OTOBO-TicketValue1",
        "X-OTOBO-DynamicField-",
        "X-OTOBO-FollowUp-Ignore",
        "X-OTRS-Queue",
        "X-OTOBO-X-Postroom-Queue",
    ],
)
def test_what_is_no_control_header_has_none(name: str) -> None:
    assert canonical_name(name) is None


SPOOFED = b"""\
Subject: hello
X-OTOBO-Queue: Junk
x-otobo-ignore: yes
X-OTOBO-Queue :
 =?utf-8?q?Boss?=
X-PostRoom-Priority:
\t5 very high
X-Postroom-Loop: host
X-OTOBO-Never-Heard-Of: 1
X-OTOBOX: stays
To: a@example.org

body
"""


def test_untrusted_mail_loses_every_control_header() -> None:
    left = strip(read_header_block(SPOOFED))
    assert [name for name, _ in left.raw_items()] == ["Subject", "X-OTOBOX", "To"]
    assert not has_controls(left)


def test_stripping_nothing_costs_nothing() -> None:
    plain = Headers([("Subject", "x")])
    assert strip(plain) is plain


def test_trusted_mail_is_read_and_what_is_unknown_is_told() -> None:
    controls, complaints = read_controls(read_header_block(SPOOFED))
    assert dict(controls) == {"Queue": "Junk", "Ignore": "yes", "Priority": "5 very high", "Loop": "host"}
    assert [complaint.what for complaint in complaints] == ["X-OTOBO-Never-Heard-Of"]


def test_of_headers_that_say_the_same_thing_the_first_that_says_something_counts() -> None:
    said = [("X-OTOBO-Queue", ""), ("X-Postroom-Queue", "Junk"), ("X-OTOBO-queue", "Boss")]
    assert read_controls(Headers(said)) == (Controls({"Queue": "Junk"}), ())


@pytest.mark.parametrize(("value", "says"), [("yes", True), (" TRUE ", True), ("1", True), ("no", False), ("0", False)])
def test_a_control_says_yes_or_does_not(value: str, says: bool) -> None:
    assert Controls({"Ignore": value}).says("Ignore") is says
    assert not Controls({"Ignore": value}).says("Loop")


@pytest.mark.parametrize("name", ["X-OTOBO-Queue", "X-Postroom-Queue"])
def test_a_control_header_of_either_kind_is_seen_and_removed(name: str) -> None:
    alone = Headers([("Subject", "x"), (name, "Junk")])
    assert has_controls(alone)
    assert strip(alone).raw_items() == (("Subject", "x"),)


def test_encoded_values_are_decoded_and_cleaned() -> None:
    controls, _ = read_controls(Headers([("X-OTOBO-Title", "=?utf-8?q?B=C3=BCro=0D=0Ax?=")]))
    assert controls["Title"] == "Büro x"


VALUES = ControlValues(
    AllowedValues(
        types=("Incident",), services=("Mail",), slas=("Gold",), owners=("ann", "bob"), dynamic_fields=("Room",)
    )
)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("State", "Closed Successful", {"State": "closed successful"}),
        ("FollowUp-State", "open", {"FollowUp-State": "open"}),
        ("Priority", "5 very high", {"Priority": "5 very high"}),
        ("Lock", "lock", {"Lock": "lock"}),
        ("Type", "incident", {"Type": "Incident"}),
        ("Service", "Mail", {"Service": "Mail"}),
        ("SLA", "gold", {"SLA": "Gold"}),
        ("Owner", "bob", {"Owner": "bob"}),
        ("OwnerID", "2", {"Owner": "bob"}),
        ("FollowUp-ResponsibleID", "1", {"FollowUp-Responsible": "ann"}),
        ("SenderType", " Agent ", {"SenderType": "agent"}),
        ("IsVisibleForCustomer", "1", {"IsVisibleForCustomer": "yes"}),
        ("IsVisibleForCustomer", "False", {"IsVisibleForCustomer": "no"}),
        ("State-PendingTime", "+3d", {"State-PendingTime": "+3d"}),
        ("DynamicField-room", "7", {"DynamicField-Room": "7"}),
        ("FollowUp-DynamicField-Room", "7", {"FollowUp-DynamicField-Room": "7"}),
        ("Queue", "anything", {"Queue": "anything"}),
        ("Title", "anything", {"Title": "anything"}),
    ],
)
def test_known_values_count(name: str, value: str, expected: dict[str, str]) -> None:
    controls, complaints = VALUES.checked(Controls({name: value}))
    assert (dict(controls), complaints) == (expected, ())


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("State", "on fire", "not in the settings"),
        ("FollowUp-State", "on fire", "not in the settings"),
        ("Priority", "9", "not in the settings"),
        ("Lock", "maybe", "not in the settings"),
        ("Type", "Nope", "not in the settings"),
        ("Service", "Nope", "not in the settings"),
        ("SLA", "Nope", "not in the settings"),
        ("Owner", "eve", "not in the settings"),
        ("OwnerID", "3", "nobody at that place"),
        ("OwnerID", "0", "nobody at that place"),
        ("ResponsibleID", "9" * 5000, "nobody at that place"),
        ("SenderType", "alien", "one of customer, agent, system"),
        ("IsVisibleForCustomer", "perhaps", "yes or no"),
        ("State-PendingTime", "soon", "no time such as"),
        ("DynamicField-Roof", "7", "no such dynamic field"),
    ],
)
def test_unknown_values_fall_back_and_are_told(name: str, value: str, why: str) -> None:
    controls, complaints = VALUES.checked(Controls({name: value}))
    assert dict(controls) == {}
    [complaint] = complaints
    assert (complaint.what, complaint.value) == (name, value)
    assert why in complaint.text


def test_without_a_list_of_owners_anyone_may_own() -> None:
    controls, _ = ControlValues(AllowedValues()).checked(Controls({"Owner": "eve"}))
    assert controls["Owner"] == "eve"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+90s", NOW + timedelta(seconds=90)),
        ("+15m", NOW + timedelta(minutes=15)),
        ("-2h", NOW - timedelta(hours=2)),
        ("3d", NOW + timedelta(days=3)),
        (" +3D ", NOW + timedelta(days=3)),
        ("+30", NOW + timedelta(seconds=30)),
        ("2026-04-01 08:30:00", datetime(2026, 4, 1, 8, 30, tzinfo=UTC)),
        ("2026-04-01T08:30+02:00", datetime(2026, 4, 1, 6, 30, tzinfo=UTC)),
        (" 2026-04-01 ", datetime(2026, 4, 1, tzinfo=UTC)),
        ("+999999999d", None),
        ("0001-01-01T00:00+14:00", None),
        ("0001-01-01", None),
        ("9999-12-31T23:59", None),
        ("tomorrow", None),
        ("+ 12 d", NOW + timedelta(days=12)),
        ("90", NOW + timedelta(seconds=90)),
        ("20260401", datetime(2026, 4, 1, tzinfo=UTC)),
        ("+1d 12h", None),
        ("", None),
        ("+" + "9" * 5000 + "d", None),
    ],
)
def test_pending_time(value: str, expected: datetime | None) -> None:
    assert pending_time(value, NOW) == expected


def test_a_pending_time_without_zone_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert pending_time("2026-04-01T08:30", NOW) == datetime(2026, 4, 1, 8, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
