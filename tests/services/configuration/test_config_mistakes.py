"""Mistakes in a configuration file: all of them are named, with their places, and nothing of it is taken."""

import pytest

from core.errors import BadInput
from core.handles import Handles
from core.resources.catalogue import AUDIT, kind_named
from core.services.actor import Actor
from core.services.configuration.config_export import export_text
from core.services.configuration.config_text import import_text
from core.services.lists.search import matching
from tests.services.configuration.config_examples import EXAMPLE, FORWARD


def _complaints(handles: Handles, actor: Actor, text: str) -> list[str]:
    with pytest.raises(BadInput) as refused:
        import_text(handles, actor, text, "work.toml")
    return [str(problem) for problem in refused.value.problems]


def _names(handles: Handles, actor: Actor, kind: str) -> list[str]:
    described = kind_named(kind)
    return [row[described.key] for row in matching(handles, actor, described).rows]


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", "kanarienvogel")


def test_three_mistakes_are_three_complaints_each_with_file_entry_and_field(handles: Handles, admin: Actor) -> None:
    text = EXAMPLE.replace('type = "IMAPS"', 'type = "IMAPX"\nport = 99999999').replace('regex = "yes"', 'regex = "("')

    complaints = _complaints(handles, admin, text)

    assert len(complaints) == 3
    assert complaints[0].startswith('work.toml: account "support": type: is one of IMAP, IMAPS')
    assert complaints[1] == 'work.toml: account "support": port: is a number from 1 to 65535; 99999999 is not.'
    assert complaints[2].startswith('work.toml: filter "010 spam": match: condition 1')
    assert _names(handles, admin, "queue") == ["Junk", "Postmaster", "Raw"]


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("foo = 1", ["work.toml: foo: is no table of a configuration"]),
        ("[[accounts]]", ["work.toml: accounts: is no table of a configuration"]),
        ("[account]\nname = 'a'", ["work.toml: account: is a list of tables: write [[account]]."]),
        ("settings = 1", ["work.toml: settings: is a table"]),
        ("[settings]\nfetch_slot = 1", ["work.toml: settings: fetch_slot: is no setting. Did you mean fetch_slots?"]),
        ("[settings.retry]\nfirst = 'x'", ["work.toml: settings: retry.first: 'x' is no duration"]),
        ("[settings]\ndefault_queue = 'X'", ["work.toml: settings: default_queue: there is no valid queue 'X'."]),
        ("[[queue]]\ncomment = 'x'", ["work.toml: queue 1: name: is missing"]),
        ("[[queue]]\nname = 5", ["work.toml: queue 1: name: is a text, not 5."]),
        ("[[mailbox]]", ["work.toml: mailbox 1: name: is missing", "work.toml: mailbox 1: template: is missing"]),
        ("[[queue]]\nname='a'\nid=5", ['work.toml: queue "a": id: is shown, and cannot be set.']),
        (
            "[[queue]]\nname='a'\n[[queue]]\nname='a'\nclosed='x'",
            ['work.toml: queue "a": name: stands twice in this file.', 'work.toml: queue "a": closed: is one of'],
        ),
        ("[[queue]]\nname='a'\n[[queue]]\nname='a'", ['work.toml: queue "a": name: stands twice in this file.']),
        ("[[queue]]\nname='a'\nvalidty='x'", ['work.toml: queue "a": validty: is no field of a queue. Did you mean']),
        (
            "[[mailbox]]\nname='a'\ntemplate='X'\nfailover='b'\nbcc=['x']",
            [
                'work.toml: mailbox "a": bcc:',
                "work.toml: mailbox \"a\": template: there is no template 'X'.",
                "work.toml: mailbox \"a\": failover: there is no mailbox 'b'.",
            ],
        ),
        (
            "[[mailbox]]\nname='a'\ntemplate='T'\nfailover='b'\n[[mailbox]]\nname='b'\ntemplate='T'\nfailover='a'\n"
            "[[template]]\nname='T'\nsmtp_port=99999999",
            [
                'work.toml: template "T": smtp_port: is a number from 1 to 65535; 99999999 is not.',
            ],
        ),
        (
            "[[mailbox]]\nname='a'\ntemplate='T'\nfailover='b'\n[[mailbox]]\nname='b'\ntemplate='T'\nfailover='a'\n"
            "[[template]]\nname='T'",
            [
                'work.toml: mailbox "a": failover: makes a loop: a → b → a.',
                'work.toml: mailbox "b": failover: makes a loop: b → a → b.',
            ],
        ),
        ("[[queue]]\nname='Raw'\nvalidity='invalid'", ['work.toml: queue "Raw": validity: must stay valid']),
        (
            "[[account]]\nname='a'\ntype='IMAP'\nhost='h'\nusername='u'\npassword={env='NOT_SET_AT_ALL'}",
            ['work.toml: account "a": password: The environment variable NOT_SET_AT_ALL is not set'],
        ),
    ],
)
def test_every_mistake_has_its_place(handles: Handles, admin: Actor, text: str, complaints: list[str]) -> None:
    found = _complaints(handles, admin, text)

    assert len(found) == len(complaints), found
    for complaint, start in zip(found, complaints, strict=True):
        assert complaint.startswith(start)


@pytest.mark.parametrize("text", ["[[", "a = ", "x = 1\nx = 2", "= 5", "[" * 5000])
def test_what_is_no_toml_is_said_to_be_none(handles: Handles, admin: Actor, text: str) -> None:
    with pytest.raises(BadInput, match=r"work\.toml is not valid TOML"):
        import_text(handles, admin, text, "work.toml")


def test_one_mistake_leaves_nothing_of_the_rest(handles: Handles, admin: Actor) -> None:
    before = export_text(handles, admin)

    _complaints(handles, admin, FORWARD + "\n[[queue]]\nname='bad'\nvalidity='x'")

    assert export_text(handles, admin) == before
    assert matching(handles, admin, AUDIT).rows == []
