"""Tokens in return paths: found in addresses as servers deliver them, and by nobody to be guessed."""

import pytest

from core.outbox.return_token import made_secret, outgoing_id_in, secret_of, token_of

SECRET = b"s" * 32


@pytest.mark.parametrize("outgoing_id", [1, 35, 36, 123_456_789, 2**63 - 1])
@pytest.mark.parametrize(
    "written",
    [
        "bounces+{}@example.org",
        "<Bounces+{}@Example.ORG>",
        "bounces-{}@example.org",
        "b{}@example.org",
        "{}@bounces.example.org",
        "Postroom <bounces={}@example.org>, someone@else.example",
    ],
)
def test_a_token_is_found_wherever_its_return_path_has_it(written, outgoing_id):
    token = token_of(SECRET, outgoing_id)

    assert outgoing_id_in(SECRET, ["x", written.format(token)]) == outgoing_id
    assert outgoing_id_in(SECRET, [written.format(token.upper())]) == outgoing_id


def test_a_token_of_another_message_outbox_or_length_leads_nowhere():
    number, _, mac = token_of(SECRET, 77).partition("-")
    wrong = [f"{number}0-{mac}@x", f"{number}-{mac}a@x", f"{number}-{mac[:-1]}@x", f"{number}{mac}@x"]

    assert outgoing_id_in(SECRET, wrong) is None
    assert outgoing_id_in(b"t" * 32, [token_of(SECRET, 77)]) is None


def test_a_very_long_address_is_no_work():
    for length in (100_000, 10_000_000):  # each letter looked at once for each letter would take days
        assert outgoing_id_in(SECRET, ["1" * length + "-aaaaaaaaaaaa@example.org"]) is None
        assert outgoing_id_in(SECRET, ["1" * length]) is None


def test_the_secret_is_made_once(handles):
    with handles.database.reading() as session:
        assert secret_of(session) is None
    first = handles.database.writing(made_secret)

    assert len(first) == 32
    assert handles.database.writing(made_secret) == first
    assert "return_token" not in repr(handles.settings())
