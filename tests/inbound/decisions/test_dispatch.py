import pytest

from core.inbound.control_headers import Controls
from core.inbound.decisions.dispatch import Dispatched, dispatch
from core.mail.headers import Headers

QUEUES = {"Raw", "Support", "Sales", "Boss"}
ADDRESSES = {"help@example.org": "Support", "sales@example.org": "Sales", "old@example.org": "Gone"}


def dispatched(
    *fields: tuple[str, str],
    mode: str = "to",
    account_queue: str | None = None,
    controls: dict[str, str] | None = None,
    **kw: bool,
) -> Dispatched:
    return dispatch(
        mode,
        Headers(fields),
        ADDRESSES,
        Controls(controls or {}),
        QUEUES,
        account_queue=account_queue,
        default_queue="Raw",
        **kw,
    )


@pytest.mark.parametrize(
    ("fields", "queue", "rule"),
    [
        ([("To", "Help <HELP@example.org>")], "Support", "To"),
        ([("To", "nobody@example.org, sales@example.org, help@example.org")], "Sales", "To"),
        ([("Cc", "sales@example.org"), ("To", "help@example.org")], "Support", "To"),
        ([("To", "help@example.org"), ("Envelope-To", "sales@example.org")], "Sales", "Envelope-To"),
        ([("Envelope-To", "help@example.org"), ("Resent-To", "sales@example.org")], "Sales", "Resent-To"),
        ([("X-Original-To", "help@example.org"), ("Delivered-To", "sales@example.org")], "Sales", "Delivered-To"),
        ([("X-Original-To", "help@example.org")], "Support", "X-Original-To"),
        ([("To", "x@example.org"), ("To", "help@example.org")], "Support", "To"),
        ([("X-Envelope-To", "help@example.org")], "Raw", "default"),
        ([("Bcc", "help@example.org")], "Raw", "default"),
        ([("To", '"help@example.org" <evil@example.com>')], "Raw", "default"),
        ([("To", "help@example.org.evil.example")], "Raw", "default"),
        ([("To", "undisclosed-recipients:;")], "Raw", "default"),
        ([("To", "help+tag@example.org")], "Raw", "default"),
        ([], "Raw", "default"),
    ],
)
def test_by_to(fields: list[tuple[str, str]], queue: str, rule: str) -> None:
    found = dispatched(*fields)
    assert (found.queue, found.steps[0].rule, found.complaints) == (queue, rule, ())


def test_x_envelope_to_by_setting_comes_last() -> None:
    assert dispatched(("X-Envelope-To", "help@example.org"), use_x_envelope_to=True).queue == "Support"
    both = dispatched(("X-Envelope-To", "help@example.org"), ("To", "sales@example.org"), use_x_envelope_to=True)
    assert both.queue == "Sales"


@pytest.mark.parametrize(
    ("address", "queue"),
    [
        ("help+a@example.org", "Support"),
        ("help+a+b@example.org", "Support"),
        ("+@example.org", "Raw"),
        ("x+help@example.org", "Raw"),
    ],
)
def test_plus_addressing_by_setting(address: str, queue: str) -> None:
    assert dispatched(("To", address), plus_addressing=True).queue == queue


def test_an_address_that_names_the_tag_wins() -> None:
    addresses = {"a+b@example.org": "Boss", "a@example.org": "Support"}
    headers = Headers([("To", "a+b@example.org")])
    found = dispatch(
        "to", headers, addresses, Controls(), QUEUES, account_queue=None, default_queue="Raw", plus_addressing=True
    )
    assert found.queue == "Boss"


def test_by_queue_whatever_the_address() -> None:
    assert dispatched(("To", "help@example.org"), mode="queue", account_queue="Sales").queue == "Sales"


@pytest.mark.parametrize("mode", ["to", "queue"])
def test_a_queue_control_beats_both(mode: str) -> None:
    found = dispatched(("To", "help@example.org"), mode=mode, account_queue="Sales", controls={"Queue": "Boss"})
    assert found.queue == "Boss"


@pytest.mark.parametrize(("mode", "queue"), [("to", "Support"), ("queue", "Sales")])
def test_an_unknown_queue_control_falls_back_and_is_told(mode: str, queue: str) -> None:
    found = dispatched(("To", "help@example.org"), mode=mode, account_queue="Sales", controls={"Queue": "Nowhere"})
    assert found.queue == queue
    assert [(complaint.what, complaint.value) for complaint in found.complaints] == [("Queue", "Nowhere")]


def test_an_invalid_queue_counts_as_absent() -> None:
    by_address = dispatched(("To", "old@example.org, sales@example.org"))
    assert by_address.queue == "Sales"
    assert by_address.complaints
    only = dispatched(("To", "old@example.org"))
    assert (only.queue, [(one.what, one.value) for one in only.complaints]) == ("Raw", [("To", "old@example.org")])
    assert only.steps[0].why == (
        "queue Raw: no system address among its recipients, as old@example.org, has a valid queue"
    )


@pytest.mark.parametrize("account_queue", ["Gone", None])
def test_without_a_valid_queue_of_the_account_the_default_stands(account_queue: str | None) -> None:
    found = dispatched(("To", "help@example.org"), mode="queue", account_queue=account_queue)
    assert found.queue == "Raw"
    assert [(one.what, one.value) for one in found.complaints] == [("account", account_queue or "")]


def test_without_system_addresses_all_is_default() -> None:
    headers = Headers([("To", "help@example.org")])
    assert dispatch("to", headers, {}, Controls(), QUEUES, account_queue=None, default_queue="Raw").queue == "Raw"
